"""What the scenarios of contract 11's rows share: a pod that leaves while TiCDC, or somebody who reads it carelessly, says "done".

A Row looks all the while: at truth (the simulator's), at the object, at the gate. hold() fails when the gate opens or when truth becomes
empty: then the lie was none and the scenario proves nothing. disagreed() asks whether the object named the witness meanwhile.
"""

import json
import time
import urllib.error
import urllib.request

from claims import follower, hook_of, wait_hook_end
from harness import FINAL, ApiError, call, wait_for

SLOW = ("--move-ms", "200")
BELIEVER_S = 9  # in this time a sidecar that believed it would have opened the gate
WORK = ("maintainers", "dispatchers", "triggers")
ALL = (*WORK, "brokers")


class Row:
    def __init__(self, cluster, pod=None):
        self.cluster, self.pod = cluster, pod or follower(cluster)
        self.uid, self.name = cluster.pod(self.pod)["metadata"]["uid"], cluster.request_of(self.pod)
        capture = cluster.capture_of(self.pod)
        self.id, self.address, self.before = capture["id"], capture["address"], capture["truth"]
        self.seen = []  # (what truth held, the object's status), oldest first

    # ---- doing ----

    def delete(self, grace=None):
        self.cluster.delete_pod(self.pod, grace)
        self.until("the request is taken up", lambda: self.status().get("phase"), 20)

    def apply(self, **spec):
        self.name = "row"
        self.cluster.apply(self.name, **(spec or {"podName": self.pod}))
        self.until("the request is taken up", lambda: self.status().get("phase"), 20)

    def fault(self, name, **arguments):
        """A fault that happens to this pod's capture alone."""
        self.cluster.fault(name, capture=self.address, **arguments)

    def heal(self, *names):
        """Withdraws these faults, or all."""
        for name in names:
            self.cluster.sim("POST", "/sim/fault", {"name": name, "enabled": False})
        if not names:
            self.cluster.sim("DELETE", "/sim/fault")

    # ---- looking ----

    def status(self):
        return self.cluster.status(self.name)

    def truth(self):
        """What the capture holds, and nothing for one that is gone."""
        return next((c["truth"] for c in self.cluster.captures() if c["id"] == self.id), dict.fromkeys(ALL, 0))

    def is_open(self):
        return bool(hook_of(self.cluster, self.uid).get("prestop-end")) or self.status().get("phase") in ("Drained", "Released")

    def look(self):
        truth = self.truth()
        self.seen.append((truth, self.status()))
        return truth

    def until(self, what, probe, timeout=30):
        """Waits, and looks meanwhile."""
        return wait_for(what, lambda: (self.look(), probe())[1], timeout, 0.1)

    def hold(self, seconds=BELIEVER_S, kinds=WORK):
        """For so long truth holds work of these kinds, and the gate is shut."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            truth, opened = self.look(), self.is_open()
            held = next((t for t, _ in reversed(self.seen) if holds(t, ALL)), truth)
            assert not opened, f"finished while, or right after, truth held {held}: {self.status()}"
            assert holds(truth, kinds), f"truth is empty, so nobody lied: {truth}; {self.status()}"
            time.sleep(0.1)

    def answers(self):
        """Every drain answer about this capture."""
        return [e for e in self.cluster.judge()["timeline"] if e["event"] == "drain_answer" and e["target"] == self.id]

    def lies(self, kinds=WORK):
        """The times that TiCDC said 0 while truth held work of these kinds."""
        return [e for e in self.answers() if e["count"] == 0 and holds(e["truth"], kinds)]

    def acted(self, name):
        """How often a fault that is still set has acted."""
        return sum(f["acted"] for f in self.cluster.sim("GET", "/sim/fault")["faults"] if f["name"] == name)

    # ---- what the object said ----

    def disagreed(self, witness, *words, says=("NotZero", "Unknown"), kinds=WORK):
        """While truth held work, this witness did not say zero, and its note or the message had these words."""
        last = None
        for truth, status in self.seen:
            for w in status.get("witnesses") or []:
                if w["name"] == witness and holds(truth, kinds):
                    last = (w, status["message"])
                    told = f"{w['note']} | {status['message']}"
                    if w["says"] in says and all(word in told for word in words):
                        return w
        raise AssertionError(f"witness {witness} never said {words}; at last: {last}")

    def said(self, *words, kinds=WORK):
        """While truth held work, the message had these words."""
        messages = [s.get("message", "") for truth, s in self.seen if holds(truth, kinds)]
        assert any(all(word in message for word in words) for message in messages), f"never said {words}: {sorted(set(messages))}"

    # ---- ends ----

    def drained(self, timeout=110):
        """Everything heals, and it ends with a proof: the hook says so, truth was empty when SIGTERM came."""
        self.heal()
        last = wait_hook_end(self.cluster, self.uid, timeout)
        assert "open Drained" in last, last
        self.cluster.wait_replaced(self.pod, self.uid)
        stop = self.stop()
        assert not holds(stop["truth"], ALL), stop

    def by_policy(self, phase, *words, timeout=60):
        """It ends without a proof: the object and the hook say so, and what was left. Returns the status."""
        status = wait_for(f"it ends as {phase}", lambda: self.final(phase), timeout)
        assert all(word in status["message"] for word in words), status["message"]
        last = wait_hook_end(self.cluster, self.uid, 20)
        assert f"open {phase}" in last and "by policy Release" in last, last
        self.cluster.wait_replaced(self.pod, self.uid)
        return status

    def final(self, phase):
        self.look()
        status = self.seen[-1][1]
        assert status.get("phase") == phase or status.get("phase") not in FINAL, f"ended as {status['phase']}: {status['message']}"
        return status if status.get("phase") == phase else None

    def stop(self):
        """The judge's record of this capture's stop."""
        return next(s for s in self.cluster.judge()["stops"] if s["capture_id"] == self.id)


def holds(truth, kinds=WORK):
    return bool(truth) and any(truth[kind] for kind in kinds)


def fetch(address, path, method="GET", body=None):
    """(status, text) of one request to a capture, as a careless reader would send it."""
    request = urllib.request.Request(f"http://{address}{path}", data=None if body is None else json.dumps(body).encode(), method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask_drain(cluster, capture_id, address=None):
    """The drain call made by hand. It may begin a session: for captures that one belongs to, or that cannot have one."""
    return fetch(address or owner_address(cluster), "/api/v1/captures/drain", "PUT", {"capture_id": capture_id})


def owner_address(cluster):
    return wait_for("TiCDC has a coordinator", lambda: (cluster.sim("GET", "/sim/state")["coordinator"] or {}).get("address"), 20)


def changefeeds(cluster):
    """Names in the list of all states. Waits while TiCDC's coordinator cannot tell."""
    def listed():
        try:
            return call("http://" + owner_address(cluster), "GET", "/api/v2/changefeeds?state=all&keyspace=default")["items"]
        except ApiError:
            return None
    return sorted(item["id"] for item in wait_for("the changefeeds are listed", listed, 20))


def maintainer_of(cluster, changefeed):
    return call("http://" + owner_address(cluster), "GET", f"/api/v2/changefeeds/{changefeed}").get("maintainer_addr")


def with_maintainer_elsewhere(row, count):
    """So many changefeeds whose maintainers are not on the capture, though some of their dispatchers are."""
    names = [name for name in changefeeds(row.cluster) if maintainer_of(row.cluster, name) != row.address]
    return [name for name in names if tables_at(row, name)][:count]


def tables_at(row, changefeed, mode=0, node=None):
    """Table ids that a changefeed's maintainer lists on the capture (or under another node id); [] when it cannot be asked."""
    try:
        path = f"/api/v2/changefeeds/{changefeed}/tables?mode={mode}&keyspace=default"
        items = call("http://" + owner_address(row.cluster), "GET", path)["items"]
    except ApiError:
        return []
    return [t for item in items if item["node_id"] == (row.id if node is None else node) for t in item["table_ids"]]


def books(row, mode=0, node=None):
    """Spans (no triggers) that all lists together place on the capture."""
    return sum(len([t for t in tables_at(row, name, mode, node) if t]) for name in changefeeds(row.cluster))


def gauge(row, name, label=""):
    """Sum of a metric of the capture's process."""
    _, text = fetch(row.address, "/metrics")
    lines = [line for line in text.splitlines() if line.split("{")[0].split(" ")[0] == name and label in line]
    return sum(float(line.split()[-1]) for line in lines)
