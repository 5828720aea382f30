"""The fault knobs: which faults are set, and which of them applies now. What a fault does is written where it acts.

A fault is a dict with a name, its own arguments, and optionally `count` (how often it acts before it is spent) and `capture` (an address or
id; absent means every capture). Names and arguments that are not in KNOBS are refused, so that a typing error cannot pass for a test.
"""

KNOBS = {  # name: its arguments. `capture` is the process that answers, unless it says otherwise.
    "http": {"method", "path_prefix", "action", "status", "body", "delay_ms", "after_n"},  # forwards meet it at the owner too
    "captures_empty": set(),
    "not_ready": set(),  # this and the next three: family C only
    "scheduler_error": set(),  # the drain call answers 503, as text
    "owner_does_not_tick": set(),  # 6.2: an owner that is elected meanwhile knows no changefeed
    "replica_linger": {"ms"},  # capture: where the old replica is slow to close
    "duplicate_address": set(),  # capture: the one with a twin
    "stale_maintainer_addr": {"changefeed", "address"},  # default: where it was before its last move
    "maintainer_not_found": {"ms", "changefeed"},
    "auth_401": {"user", "password"},  # without user nobody passes
    "metrics_fail": {"status"},
    "metrics_absent_series": {"names"},  # default: all that start with ticdc_
    "old_metric_names": set(),
    "metrics_noise": {"series"},  # so many series more, several MiB
    "spans_nowhere": set(),  # capture: its spans are listed under node ""
    "hidden_changefeeds": {"changefeeds"},  # of another keyspace: no list has them, no name finds them
    "negative_broker_gauge": {"value"},
    # drain call
    "early_zero": set(),
    "missing_field": set(),
    "legacy_peer": set(),  # capture: the old one
    "capability_unknown": set(),  # capture: the unknown one
    # model; capture: the one that it happens to
    "coordinator_failover": set(),  # this and the next three act at once and are gone
    "id_change": set(),
    "fence": set(),
    "rest": {"changefeed", "state", "ms"},  # at once as well: stopped or finished, while its dispatchers close for so long
    "maintainer_backoff": {"changefeeds"},  # in warning while this is on: no maintainer; in C, not counted
    "unbootstrapped": {"changefeeds"},  # their maintainers know of nothing but their triggers
    "unrelated_moves": set(),  # capture: all its spans are on their way elsewhere, do not arrive, and turn back when this is off
    "stale_owner": set(),  # capture: one that coordinated keeps its coordinator object
    "broker_linger": {"ms"},
    "belief_empty": set(),
    "freeze": {"work", "mode"},  # default: all; work: maintainers or dispatchers
    "dest_dies_mid_move": {"work", "phase"},  # maintainers or dispatchers; after_stop (default) or before_stop
    "flow_back": {"ms"},
    "basic_placement": {"work"},  # on unless enabled is false; work: of maintainers only
}
HTTP_ACTIONS = ("status", "hang", "garbage", "truncate", "empty", "reset", "slow")
_COMMON = {"name", "enabled", "count", "capture"}


class Faults:
    def __init__(self, now):
        self._now = now
        self._faults = []

    def add(self, fault):
        unknown = set(fault) - _COMMON - KNOBS[fault["name"]]
        if unknown:
            raise ValueError(f"{fault['name']} takes no argument {', '.join(sorted(unknown))}")
        if fault["name"] == "http" and fault.get("action") not in HTTP_ACTIONS:
            raise ValueError(f"http needs an action out of {', '.join(HTTP_ACTIONS)}")
        self._faults.append({**fault, "since_ms": self._now(), "acted": 0})

    def remove(self, name):
        self._faults = [f for f in self._faults if f["name"] != name]

    def clear(self):
        self._faults = []

    def list(self):
        return list(self._faults)

    def active(self, fault):
        return fault in self._faults

    def find(self, name, capture=None):
        """The first fault of that name that applies to this capture."""
        return next((f for f in self._faults if f["name"] == name and self._applies(f, capture)), None)

    def take(self, name, capture=None):
        """find(), and count it as having acted."""
        fault = self.find(name, capture)
        if fault:
            self._spend(fault)
        return fault

    def take_http(self, capture, method, path):
        for fault in self._faults:
            if (fault["name"] == "http" and self._applies(fault, capture) and fault.get("method", method) == method
                    and path.startswith(fault.get("path_prefix", "/"))):
                if fault.get("after_n", 0) > 0:
                    fault["after_n"] -= 1
                    continue
                self._spend(fault)
                return fault
        return None

    def _spend(self, fault):
        fault["acted"] += 1

    def _applies(self, fault, capture):
        if "count" in fault and fault["acted"] >= fault["count"]:
            return False
        if "ms" in fault and fault["name"] == "maintainer_not_found" and self._now() - fault["since_ms"] > fault["ms"]:
            return False
        return "capture" not in fault or (capture is not None and fault["capture"] in (capture.address, capture.id))
