"""The demo: the main job of ticdc-drain on one machine, against simulators, judged by the simulator's truth.

    python3 tests/e2e/demo.py [N1|M|C|N0]

Without a family: N1 in full, then N0 (the liar). Live progress on a terminal, plain lines otherwise. Each step ends with what
kubectl would print of the request and of the events. The whole ends with a timeline and "DEMO OK", or a message and exit status 1; any
early release that is called drained makes it fail.
"""

import calendar
import os
import re
import shutil
import sys
import time

from harness import FINAL, NAMESPACE, ROOT, Cluster, wait_for

BAR = 24
COLUMN = re.compile(r"- {name: (\w+), type: (\w+), jsonPath: ([^,}]+)(.*)}")


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
        if self.live:  # one line that is written over: it must not wrap
            print("\r\033[K   " + text[:shutil.get_terminal_size().columns - 4], end="", flush=True)
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
            f"dispatchers {progress.get('dispatchers', '-'):>9}  {status.get('message', '')}")


def truth(cluster, pod):
    """What the simulator knows that a pod's capture holds, in words."""
    return ", ".join(f"{count} {kind}" for kind, count in cluster.truth_of(pod).items())


# ---- what kubectl would print ----

def columns():
    """The default columns, from the CRD: (name, type, path)."""
    with open(os.path.join(ROOT, "manifests", "crd.yaml"), encoding="utf-8") as crd:
        found = [match.groups() for match in map(COLUMN.search, crd) if match]
    return [(name, kind, path) for name, kind, path, more in found if "priority: 1" not in more]


def cell(obj, kind, path):
    for key in path.strip(".").split("."):
        obj = obj.get(key) if isinstance(obj, dict) else None
    if obj is None or kind != "date":
        return "" if obj is None else str(obj)
    return f"{int(time.time()) - calendar.timegm(time.strptime(obj, '%Y-%m-%dT%H:%M:%SZ'))}s"


def show_table(screen, rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        screen.say("   " + "   ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def show_request(screen, obj):
    """kubectl get drains"""
    names = columns()
    show_table(screen, [["NAME"] + [name.upper() for name, _, _ in names],
                        [obj["metadata"]["name"]] + [cell(obj, kind, path) for _, kind, path in names]])


def show_events(cluster, screen, *names):
    """kubectl get events, of these objects"""
    mine = [event for event in cluster.events() if event["involvedObject"]["name"] in names]
    rows = [[event["type"], event["reason"], f"{event['involvedObject']['kind'].lower()}/{event['involvedObject']['name']}",
             event["message"]] for event in sorted(mine, key=lambda event: event["firstTimestamp"])]
    show_table(screen, [["TYPE", "REASON", "OBJECT", "MESSAGE"]] + rows)


def show_afterwards(cluster, screen, obj, *names):
    screen.say("   kubectl get drains:")
    show_request(screen, obj)
    screen.say("   kubectl get events:")
    show_events(cluster, screen, obj["metadata"]["name"], *names)


def watch(cluster, screen, name, until, timeout=90):
    """Shows a DrainRequest until it is in one of the phases; returns it."""
    phases = []

    def look():
        obj = cluster.drain(name) or {}
        status = obj.get("status", {})
        phase = status.get("phase")
        if not phase:
            return None
        screen.progress(describe(status))
        if phase not in phases:
            phases.append(phase)
            screen.mark(f"{name}: {phase} ({status.get('reason')})")
        if phase in until:
            return obj
        if phase in FINAL:
            raise AssertionError(f"{name} ended as {phase}: {status.get('message')}")
        return None

    obj = wait_for(f"{name} is {' or '.join(until)}", look, timeout, 0.1)
    if screen.live:
        screen.say("   " + describe(obj["status"]))
    return obj


def wait_released(cluster, screen, obj):
    """After a deletion: the last that is seen of the request. It goes with its pod, so Released may be missed; the hook's last words,
    which the caller looks at, say the same."""
    last, name = [obj], obj["metadata"]["name"]

    def look():
        now = cluster.drain(name)
        last[0] = now or last[0]
        return now is None or now["status"]["phase"] == "Released"

    wait_for(f"{name} is Released", look, 60, 0.02)
    if obj["status"]["phase"] != "Released":
        screen.mark(f"{name}: {last[0]['status']['phase']}")
    return last[0]


def show_witnesses(screen, status):
    for witness in status.get("witnesses", []):
        screen.say(f"   witness {witness['name']:<8} says {witness['says']}, {witness['consecutiveZeros']} times in a row"
                   + (f": {witness['note']}" if witness.get("note") else ""))


def drain_by_request(cluster, screen, pod):
    screen.step(f"1. kubectl apply: a DrainRequest for {pod}")
    screen.say(f"   before: {pod} holds {truth(cluster, pod)}")
    cluster.apply("demo", podName=pod, reason="demo")
    obj = watch(cluster, screen, "demo", ("Drained",))
    show_witnesses(screen, obj["status"])
    left = cluster.truth_of(pod)
    screen.say(f"   truth:  {pod} holds {truth(cluster, pod)}")
    if any(left[kind] for kind in ("maintainers", "dispatchers", "triggers")):
        raise AssertionError(f"Drained, but {pod} holds {truth(cluster, pod)}")
    show_afterwards(cluster, screen, obj)


def delete_and_watch(cluster, screen, pod):
    """Deletes a pod, shows its drain, and waits until it is back."""
    uid = cluster.pod(pod)["metadata"]["uid"]
    name = cluster.request_of(pod)
    cluster.delete_pod(pod)
    screen.mark(f"{pod}: deleted, preStop blocks")
    obj = wait_released(cluster, screen, watch(cluster, screen, name, ("Drained", "Released")))
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
    show_afterwards(cluster, screen, obj, pod)


def full(cluster, screen):
    pods = [f"ticdc-{i}" for i in range(3)]
    owner = cluster.ticdc_owner_pod()
    others = [pod for pod in pods if pod != owner]
    drain_by_request(cluster, screen, others[0])
    screen.step(f"   and {others[0]} deleted: proven again, then it goes")
    delete_and_watch(cluster, screen, others[0])
    screen.step(f"2. kubectl delete pod {others[1]}")
    screen.say(f"   before: {others[1]} holds {truth(cluster, others[1])}")
    delete_and_watch(cluster, screen, others[1])
    screen.step(f"3. kubectl delete pod {owner}, which is TiCDC's coordinator")
    screen.say(f"   before: {owner} holds {truth(cluster, owner)}")
    delete_and_watch(cluster, screen, owner)
    if cluster.judge()["resigns"] < 1:
        raise AssertionError("the ownership was not moved first")


def liar(cluster, screen):
    pod = next(f"ticdc-{i}" for i in range(3) if f"ticdc-{i}" != cluster.ticdc_owner_pod())
    screen.step(f"4. family N0: a TiCDC whose drain call answers 0 and moves nothing ({pod})")
    screen.say(f"   before: {pod} holds {truth(cluster, pod)}")
    cluster.apply("liar", podName=pod, reason="demo")
    obj = watch(cluster, screen, "liar", ("Unsupported",))
    status = obj["status"]
    screen.say(f"   message: {status['message']}")
    show_afterwards(cluster, screen, obj)
    if "not believed" not in status["message"] or status["remaining"]["maintainers"] == 0:
        raise AssertionError("the object does not say what is wrong")
    hand_off(cluster, screen, pod)


def hand_off(cluster, screen, pod):
    """What can be done for a pod that cannot be drained: its dispatchers leave in the last moment, and the rest is named."""
    screen.step(f"5. kubectl delete pod {pod}: let go by policy, with as little as can be left on it")
    uid, name, before = cluster.pod(pod)["metadata"]["uid"], cluster.request_of(pod), cluster.truth_of(pod)
    cluster.delete_pod(pod)
    obj = watch(cluster, screen, name, ("Unsupported",))
    stop = wait_for("it stops", lambda: next(iter(cluster.judge()["stops"]), None))
    screen.say(f"   message: {obj['status']['message']}")
    screen.say(f"   truth when it stopped: {', '.join(f'{count} {kind}' for kind, count in stop['truth'].items())}")
    cluster.wait_replaced(pod, uid)
    show_afterwards(cluster, screen, obj, pod)
    if stop["truth"]["dispatchers"] * 2 > before["dispatchers"]:
        raise AssertionError("the dispatchers were not handed over")


def run(family, screen):
    screen.say(f"-- TiCDC family {family}: 3 captures, 30 changefeeds, 600 tables; namespace {NAMESPACE}")
    with Cluster(family, sidecar_args=("--batch-size", "25"), sim_args=("--move-ms", "250")) as cluster:
        screen.mark(f"family {family}: cluster up, sidecar of {cluster.leader()} coordinates")
        if family == "N0":
            liar(cluster, screen)
        else:
            full(cluster, screen)
        early = cluster.early_releases()
        if early and family != "N0":  # there it is policy, and said so
            raise AssertionError(f"early release: {early}")


def main():
    families = sys.argv[1:] or ["N1", "N0"]
    if any(family not in ("N1", "M", "C", "N0") for family in families):
        sys.exit("usage: demo.py [N1|M|C|N0]")
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
