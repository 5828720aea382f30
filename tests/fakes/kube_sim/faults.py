"""Injected faults, outages and request counts.

A fault rule chooses requests by verb, resource, subresource, name, userAgent (a substring) and token; an absent or "*" criterion
matches all. The first matching rule with uses left applies. Actions, carried out by the server module:

    status    answer with this HTTP status and a Status body; nothing is done
    hang      hold the request until the rule is cleared or the client leaves, then close; nothing is done
    drop      close the connection without an answer; nothing is done
    garbage   HTTP 200 whose body is not JSON; nothing is done
    truncate  do the request, announce the whole answer and send half of it (for a watch: half of the first event), then close
    delay     wait delayMs, then go on as usual

An outage is over after its time. In it every API request is reset ("refuse": the port is shared with /sim/, so a connection is accepted
and then reset on its first request) or held and then reset ("hang").
"""

import threading
import time
from collections import Counter

ACTIONS = ("status", "hang", "drop", "garbage", "truncate", "delay")
_CRITERIA = ("verb", "resource", "subresource", "name", "token")


class Rule:
    def __init__(self, spec):
        self.spec = spec
        self.action = spec["action"]
        self.hits = 0
        self.cleared = threading.Event()

    def matches(self, facts):
        if "count" in self.spec and self.hits >= self.spec["count"]:
            return False
        return (all(self.spec.get(key, "*") in ("*", facts[key]) for key in _CRITERIA)
                and self.spec.get("userAgent", "") in facts["userAgent"])


class Faults:
    def __init__(self):
        self._lock = threading.Lock()
        self._rules = []
        self._outage_until = 0.0
        self._outage_how = "refuse"
        self._requests = Counter()

    def add(self, spec):
        """Takes a rule as in the control API; raises ValueError if it makes no sense."""
        if spec.get("action") not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        if spec["action"] == "status" and not isinstance(spec.get("status"), int):
            raise ValueError("action status needs a status")
        with self._lock:
            self._rules.append(Rule(spec))

    def clear(self):
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.cleared.set()

    def describe(self):
        with self._lock:
            return [{**rule.spec, "hits": rule.hits} for rule in self._rules]

    def match(self, facts):
        """The rule for a request, counted as a hit, or None. facts has all criteria and userAgent."""
        with self._lock:
            for rule in self._rules:
                if rule.matches(facts):
                    rule.hits += 1
                    return rule
        return None

    def begin_outage(self, seconds, how):
        with self._lock:
            self._outage_until = time.monotonic() + seconds
            self._outage_how = how

    def outage(self):
        """(seconds left, how), or None."""
        with self._lock:
            left = self._outage_until - time.monotonic()
            return (left, self._outage_how) if left > 0 else None

    def count(self, facts):
        with self._lock:
            self._requests[facts["verb"], facts["resource"], facts["subresource"], facts["userAgent"]] += 1

    def requests(self):
        with self._lock:
            return [{"verb": verb, "resource": resource, "subresource": subresource, "userAgent": agent, "count": count}
                    for (verb, resource, subresource, agent), count in sorted(self._requests.items())]
