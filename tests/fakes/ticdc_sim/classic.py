"""Family C, the classic architecture: an owner that schedules tables, captures that replicate them (sections 5, 6.1, 6.2).

Claims: a table is prepared at its destination as a secondary, which its capture reports and really runs, then promoted, then closed at its
origin; the owner knows the changefeeds a moment after it was elected, and nothing before; the drain call counts primaries of changefeeds
that are exactly normal; the drain scheduler acts only while every table of a changefeed is Replicating, 10 at a time, one target each;
a stopping capture is emptied by any owner and gets nothing new. Does not simulate heartbeats (what a capture reports is the truth of now),
split tables, or upstream's balance of tables.
"""

from collections import Counter

_LOAD_MS = 100
_MOVES_MAX = 10


class ReplicaOperator:
    """One table: a secondary at the destination, its promotion, and the end of the old replica."""

    def __init__(self, cluster, changefeed, span, destination):
        self.cluster = cluster
        self.changefeed = changefeed
        self.span = span
        self.kind = "move" if span.node else "add"
        self.origin = span.node
        self.destination = destination.id
        now, move_ms = cluster.now(), cluster.durations.move_ms
        self._prepare_ms = now + move_ms * 0.3
        self._promote_ms = now + move_ms * 0.6
        self._close_ms = now + move_ms
        self.finished = False
        self.stopped = False  # promoted
        self.unrelated = False

    def touches(self, capture_id):
        return capture_id in (self.origin, self.destination)

    def step(self, now):
        """True when over, however it ended."""
        destination = self.cluster.registered(self.destination)
        if not self.stopped:
            return self._prepare(destination, now)
        return self._close(now)

    def _prepare(self, destination, now):
        if not destination:
            return True
        if now >= self._prepare_ms and destination.up and self.span.key not in destination.dispatchers:
            destination.add_dispatcher(self.span.key)
        if now >= self._promote_ms and destination.up and self.span.key in destination.dispatchers:
            self.span.node = self.destination
            self.stopped = True
        return False

    def _close(self, now):
        origin = self.cluster.registered(self.origin)
        if not origin:
            return True
        linger = self.cluster.faults.find("replica_linger", origin)
        if now < self._close_ms + (linger.get("ms", 10000) if linger else 0) or not origin.up:
            return False
        origin.drop_dispatcher(self.span.key, now)
        return True


class Owner:
    """What the owner object knows; nothing of it outlives the owner."""

    def __init__(self, cluster, coordinator):
        self._cluster = cluster
        self._coordinator = coordinator
        self._loaded = False
        self._targets = {}  # changefeed -> the capture that is being drained
        self._wishes = []  # move_table calls: (changefeed, table, capture)

    def ticks(self):
        return not self._cluster.faults.find("owner_does_not_tick", self._coordinator.capture)

    def changefeeds(self):
        """In memory: none until the first tick."""
        return list(self._cluster.changefeeds.values()) if self._loaded else []

    def initialized(self):
        """Every capture has reported to the scheduler of every changefeed."""
        return self._loaded and self._coordinator.bootstrapped

    def step(self, now):
        if not self.ticks():
            return
        self._loaded = self._loaded or now - self._coordinator.created_ms >= _LOAD_MS
        if not self.initialized():
            return
        self._mark_absent()
        for changefeed in self.changefeeds():
            if changefeed.running():
                self._place(changefeed)
                self._drain(changefeed)
                self._move(changefeed)
        self._wishes.clear()

    def _mark_absent(self):
        for changefeed in self._cluster.changefeeds.values():
            for span in changefeed.spans.values():
                if span.node and not self._cluster.registered(span.node):
                    span.node = ""

    def _receivers(self, but=None):
        return [c for c in self._cluster.members() if not c.liveness and c is not but]

    def _place(self, changefeed):
        for span in changefeed.spans.values():
            receivers = self._receivers()
            if not span.node and receivers and span.key not in self._cluster.span_operators:
                self._cluster.move_span(changefeed, span, self._fewest(changefeed, receivers))

    def _fewest(self, changefeed, receivers):
        operators = self._cluster.span_operators
        load = Counter(operators[s.key].destination if s.key in operators else s.node for s in changefeed.spans.values())
        return min(receivers, key=lambda c: (load[c.id], self._cluster.rng.random()))

    def _drain(self, changefeed):
        target = self._cluster.registered(self._targets.get(changefeed.id))
        if not target:  # a stopping capture is drained without a call
            target = next((c for c in self._cluster.members() if c.liveness and _tables_on(changefeed, c)), None)
        receivers = self._receivers(but=target)
        tables = _tables_on(changefeed, target) if target else []
        if not tables or not receivers:
            self._targets.pop(changefeed.id, None)
            return
        self._targets[changefeed.id] = target.id
        if not target.liveness:
            self._cluster.set_liveness(target, 1)
        if self._cluster.span_operators_of(changefeed):
            return
        for span in tables[:_MOVES_MAX]:
            self._cluster.move_span(changefeed, span, self._fewest(changefeed, receivers))

    def _move(self, changefeed):
        """Unknown tables, tables that move, and captures that are not there or stopping: dropped in silence."""
        for name, table_id, capture_id in self._wishes:
            span = changefeed.spans.get((table_id, 0)) if name == changefeed.id else None
            destination = self._cluster.registered(capture_id)
            if span and span.node and destination and not destination.liveness and span.key not in self._cluster.span_operators:
                if span.node != capture_id:
                    self._cluster.move_span(changefeed, span, destination)

    def wish(self, changefeed, table_id, capture_id):
        self._wishes.append((changefeed.id, table_id, capture_id))

    def drain(self, target):
        """The count that the call answers; a changefeed without a target takes this one."""
        count = 0
        for changefeed in self.changefeeds():
            if changefeed.state != "normal":
                continue
            if not self.initialized():
                count += 1
                continue
            tables = len(_tables_on(changefeed, target))
            if tables and changefeed.id not in self._targets and self.ticks():
                self._targets[changefeed.id] = target.id
            count += tables
        return count


def _tables_on(changefeed, capture):
    return [span for span in changefeed.spans.values() if span.node == capture.id]


def step(cluster, now):
    """In every tick of a cluster of this family."""
    _place_first(cluster)
    coordinator = cluster.coordinator()
    if coordinator and cluster.placed:
        coordinator.classic.step(now)


def _place_first(cluster):
    coordinator = cluster.coordinator()
    nodes = sorted((c for c in cluster.members() if c.up), key=lambda c: c.address)
    if cluster.placed or len(nodes) < cluster.expect or not coordinator or not coordinator.bootstrapped:
        return
    spans = [span for changefeed in cluster.changefeeds.values() for span in changefeed.spans.values()]
    for index, span in enumerate(spans):
        span.node = nodes[index % len(nodes)].id
        nodes[index % len(nodes)].add_dispatcher(span.key)
    cluster.placed = True
    cluster.judge.event("placed", captures=len(nodes), changefeeds=len(cluster.changefeeds), spans=len(spans))
