"""The judge: what really happened, for tests to read. It never influences the model.

Claims: what each capture truly held when its SIGTERM arrived or its crash was seen; the most moves at one time; moves towards a draining
capture; work without a home, or with two, in truth, for longer than 5 s. Times are unix milliseconds.
"""

import time
from collections import Counter, deque

_PATIENCE_MS = 5000
_TIMELINE_MAX = 50000


def unix_ms():
    return int(time.time() * 1000)


class Judge:
    def __init__(self):
        self._stops = []
        self._timeline = deque(maxlen=_TIMELINE_MAX)
        self._max = {"maintainers": 0, "dispatchers": 0}
        self._moves_to_draining = 0
        self._incidents = {"lost": [], "doubled": []}
        self._since = {}  # (kind, work) -> [since, its incident or None]
        self._resigns = 0
        self._requests = {}  # address -> Counter

    def event(self, name, /, **details):
        self._timeline.append({"t": unix_ms(), "event": name, **details})

    def stop(self, capture, how, truth):
        held = truth["maintainers"] + truth["dispatchers"] + truth["triggers"]
        record = {"t": unix_ms(), "capture_id": capture.id, "address": capture.address, "how": how, "truth": truth,
                  "early": how == "sigterm" and held > 0}
        self._stops.append(record)
        self._timeline.append({"event": "stop", **record})

    def request(self, address, name):
        self._requests.setdefault(address, Counter())[name] += 1

    def resign(self, capture):
        self._resigns += 1
        self.event("resign", capture_id=capture.id, address=capture.address)

    def move(self, work, operator, running, to_draining):
        """An operator starts. `running` counts the moves of its sort, this one included."""
        if operator.kind == "move":
            self._max[work] = max(self._max[work], running)
        self._moves_to_draining += to_draining
        self.event(f"{operator.kind}_start", work=work, name=_name_of(operator), origin=operator.origin,
                   destination=operator.destination, running=running)

    def move_done(self, work, operator):
        self.event(f"{operator.kind}_done", work=work, name=_name_of(operator), destination=operator.destination)

    def homes(self, wanted, homes):
        """Called often: `wanted` names all work that must run, `homes` counts the captures where each really runs."""
        bad = {("lost", w): 0 for w in wanted if not homes[w]}
        bad.update({("doubled", w): n for w, n in homes.items() if n > 1})
        now = unix_ms()
        for key in [k for k in self._since if k not in bad]:
            incident = self._since.pop(key)[1]
            if incident:
                incident["until"] = now
        for key in bad:
            entry = self._since.setdefault(key, [now, None])
            if not entry[1] and now - entry[0] > _PATIENCE_MS:
                entry[1] = {"work": "/".join(map(str, key[1])), "since": entry[0], "until": None}
                self._incidents[key[0]].append(entry[1])

    def report(self):
        total = sum(self._requests.values(), Counter())
        return {"stops": self._stops, "max_concurrent": self._max, "moves_to_draining": self._moves_to_draining, **self._incidents,
                "resigns": self._resigns, "requests": {"total": total, "captures": self._requests}, "timeline": list(self._timeline)}


def _name_of(operator):
    span = getattr(operator, "span", None)
    return "/".join(map(str, span.key)) if span else operator.changefeed.id
