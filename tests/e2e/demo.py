"""The demo: the main job of ticdc-drain on one machine, against simulators, judged by the simulator's truth.

    python3 tests/e2e/demo.py [N1|M|N0]

Without a family: N1 in full, then N0 (the liar). Live progress on a terminal, plain lines otherwise. Ends with a timeline and
"DEMO OK", or a message and exit status 1; any early release makes it fail.
"""

import sys
import time

from harness import FINAL, NAMESPACE, Cluster, wait_for

BAR = 24


class Screen:
    """Prints steps, progress and, at the end, the timeline."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.began = time.time()
        self.timeline = []
        self.last = ""

    def mark(self, text, when=None):
        self.timeline.append((when or time.time(), text))

    def say(self, text=""):
        if self.live and self.last:
            print("\r\033[K", end="")
        self.last = ""
        print(text, flush=True)

    def step(self, title):
        self.say(f"\n== {title}")
        self.mark(title)

    def progress(self, text):
        if text == self.last:
            return
        if self.live:
            print("\r\033[K   " + text, end="", flush=True)
        else:
            print("   " + text, flush=True)
        self.last = text

    def show_timeline(self):
        self.say("\n== Timeline (seconds since the start)")
        for when, text in sorted(self.timeline, key=lambda entry: entry[0]):
            self.say(f"   {when - self.began:6.1f}  {text}")


def describe(status):
    progress = status.get("progress", {})
    percent = status.get("progressPercent", 0)
    bar = "#" * (percent * BAR // 100)
    return (f"{status.get('phase', 'Pending'):<11} [{bar:<{BAR}}] maintainers {progress.get('maintainers', '-'):>7}  "
            f"dispatchers {progress.get('dispatchers', '-'):>9}  {status.get('message', '')[:70]}")


def watch(cluster, screen, name, until, timeout=90):
    """Shows a DrainRequest until it is in one of the phases; returns its status."""
    phases = []

    def look():
        status = cluster.status(name)
        phase = status.get("phase")
        if not phase:
            return None
        screen.progress(describe(status))
        if phase not in phases:
            phases.append(phase)
            screen.mark(f"{name}: {phase} ({status.get('reason')})")
        if phase in until:
            return status
        if phase in FINAL:
            raise AssertionError(f"{name} ended as {phase}: {status.get('message')}")
        return None

    status = wait_for(f"{name} is {' or '.join(until)}", look, timeout, 0.1)
    screen.say("   " + describe(status))
    return status


def show_witnesses(screen, status):
    for witness in status.get("witnesses", []):
        screen.say(f"   witness {witness['name']:<8} says {witness['says']}, {witness['consecutiveZeros']} times in a row"
                   + (f": {witness['note']}" if witness.get("note") else ""))


def drain_by_request(cluster, screen, pod):
    screen.step(f"1. kubectl apply: a DrainRequest for {pod}")
    screen.say(f"   before: {pod} holds {cluster.truth_of(pod)}")
    cluster.apply("demo", podName=pod, reason="demo")
    status = watch(cluster, screen, "demo", ("Drained",))
    show_witnesses(screen, status)
    truth = cluster.truth_of(pod)
    screen.say(f"   truth:  {pod} holds {truth}")
    if any(truth[kind] for kind in ("maintainers", "dispatchers", "triggers")):
        raise AssertionError(f"Drained, but {pod} holds {truth}")


def delete_and_watch(cluster, screen, pod):
    """Deletes a pod, shows its drain, and waits until it is back."""
    uid = cluster.pod(pod)["metadata"]["uid"]
    name = cluster.request_of(pod)
    cluster.delete_pod(pod)
    screen.mark(f"{pod}: deleted, preStop blocks")
    watch(cluster, screen, name, ("Drained", "Released"))
    cluster.wait_replaced(pod, uid)
    events = {entry["event"]: entry for entry in cluster.timeline()
              if entry["uid"] == uid and entry.get("container") in ("ticdc", None)}
    blocked = (events["prestop-end"]["t"] - events["prestop-begin"]["t"]) / 1000
    screen.mark(f"{pod}: hook released after {blocked:.1f} s, then SIGTERM", events["sigterm"]["t"] / 1000)
    screen.mark(f"{pod}: back with a new capture")
    last = events["prestop-end"].get("output", "").strip().splitlines()[-1:]
    screen.say(f"   preStop blocked for {blocked:.1f} s; its last words: {last[0] if last else '(none)'}")
    if events["sigterm"]["t"] < events["prestop-end"]["t"]:
        raise AssertionError("SIGTERM came before the hook was released")
    if not last or "open Drained" not in last[0]:
        raise AssertionError("the hook was not released by a proof")


def full(cluster, screen):
    pods = [f"ticdc-{i}" for i in range(3)]
    owner = cluster.ticdc_owner_pod()
    others = [pod for pod in pods if pod != owner]
    drain_by_request(cluster, screen, others[0])
    screen.step(f"   and {others[0]} deleted: proven again, then it goes")
    delete_and_watch(cluster, screen, others[0])
    screen.step(f"2. kubectl delete pod {others[1]}")
    screen.say(f"   before: {others[1]} holds {cluster.truth_of(others[1])}")
    delete_and_watch(cluster, screen, others[1])
    screen.step(f"3. kubectl delete pod {owner}, which is TiCDC's coordinator")
    screen.say(f"   before: {owner} holds {cluster.truth_of(owner)}")
    delete_and_watch(cluster, screen, owner)
    if cluster.judge()["resigns"] < 1:
        raise AssertionError("the ownership was not moved first")


def liar(cluster, screen):
    pod = next(f"ticdc-{i}" for i in range(3) if f"ticdc-{i}" != cluster.ticdc_owner_pod())
    screen.step(f"4. family N0: a TiCDC whose drain call answers 0 and moves nothing ({pod})")
    screen.say(f"   before: {pod} holds {cluster.truth_of(pod)}")
    cluster.apply("liar", podName=pod, reason="demo")
    status = watch(cluster, screen, "liar", ("Unsupported",))
    screen.say(f"   message: {status['message']}")
    if "not believed" not in status["message"] or status["remaining"]["maintainers"] == 0:
        raise AssertionError("the object does not say what is wrong")


def run(family, screen):
    screen.say(f"-- TiCDC family {family}: 3 captures, 30 changefeeds, 600 tables; namespace {NAMESPACE}")
    with Cluster(family, sidecar_args=("--batch-size", "25"), sim_args=("--move-ms", "250")) as cluster:
        screen.mark(f"family {family}: cluster up, sidecar of {cluster.leader()} coordinates")
        if family == "N0":
            liar(cluster, screen)
        else:
            full(cluster, screen)
        early = cluster.early_releases()
        if early:
            raise AssertionError(f"early release: {early}")


def main():
    families = sys.argv[1:] or ["N1", "N0"]
    if any(family not in ("N1", "M", "N0") for family in families):
        sys.exit("usage: demo.py [N1|M|N0]")
    screen = Screen()
    try:
        for family in families:
            run(family, screen)
    except (AssertionError, TimeoutError) as error:
        screen.show_timeline()
        screen.say(f"\nDEMO FAILED: {error}")
        sys.exit(1)
    screen.show_timeline()
    screen.say(f"\nDEMO OK ({time.time() - screen.began:.0f} s)")


if __name__ == "__main__":
    main()
