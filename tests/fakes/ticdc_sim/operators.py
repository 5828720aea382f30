"""Operators: how a span or a maintainer gets from one capture to another, step by step, in belief and in truth.

A move: the origin stops, the belief changes to the destination, the destination is created later. For a maintainer, bootstrap comes
later still. A destination that leaves before the origin stopped ends the move where it was; after that the work is absent.
A process that is dead but still holds its key does not answer, so an operator waits for it.
"""


class SpanOperator:
    def __init__(self, cluster, changefeed, span, destination):
        self.cluster = cluster
        self.changefeed = changefeed
        self.span = span
        self.kind = "move" if span.node else "add"
        self.origin = span.node
        self.destination = destination.id
        now = cluster.now()
        self._stop_ms = now + cluster.durations.move_ms * 0.5
        self._create_ms = now + cluster.durations.move_ms
        self.finished = False
        self.stopped = self.kind == "add"
        self.unrelated = False  # somebody else's, see incidents.py
        if self.stopped:
            span.node = self.destination

    def touches(self, capture_id):
        return capture_id in (self.origin, self.destination)

    def step(self, now):
        """True when over, however it ended."""
        return self._create(now) if self.stopped else self._stop(now)

    def _stop(self, now):
        origin, destination = self.cluster.registered(self.origin), self.cluster.registered(self.destination)
        if not destination:
            return True
        if now < self._stop_ms or (origin and not origin.up):
            return False
        if origin:
            origin.drop_dispatcher(self.span.key, self.cluster.broker_end_ms(origin))
        self.stopped = True
        self.span.node = self.destination
        return False

    def _create(self, now):
        destination = self.cluster.registered(self.destination)
        if not destination:
            self.span.node = ""
            return True
        if now < self._create_ms or not destination.up:
            return False
        destination.add_dispatcher(self.span.key)
        return True


class MaintainerOperator:
    def __init__(self, cluster, changefeed, destination):
        self.cluster = cluster
        self.changefeed = changefeed
        self.kind = "move" if changefeed.maintainer else "add"
        self.origin = changefeed.maintainer or ""
        self.destination = destination.id
        now, move_ms = cluster.now(), cluster.durations.move_ms
        self._stop_ms = now + move_ms * 0.4
        self._create_ms = now + move_ms * 0.6
        self._bootstrap_ms = now + move_ms
        self.finished = False
        self.stopped = self.kind == "add"
        self._created = False
        if self.stopped:
            changefeed.maintainer = self.destination

    def touches(self, capture_id):
        return capture_id in (self.origin, self.destination)

    def step(self, now):
        """True when over, however it ended."""
        if not self.stopped:
            return self._stop(now)
        if not self.cluster.registered(self.destination):
            self.changefeed.lose_maintainer()
            return True
        if not self._created:
            return self._create(now)
        return self.changefeed.bootstrapped

    def _stop(self, now):
        origin, destination = self.cluster.registered(self.origin), self.cluster.registered(self.destination)
        if not destination:
            return True
        if now < self._stop_ms or (origin and not origin.up):
            return False
        if origin:
            origin.drop_maintainer(self.changefeed, self.cluster.broker_end_ms(origin))
            self.changefeed.previous_maintainer_addr = origin.address
        self.cluster.cancel_spans_of(self.changefeed)
        self.changefeed.bootstrapped = False
        self.changefeed.maintainer = self.destination
        self.stopped = True
        return False

    def _create(self, now):
        destination = self.cluster.registered(self.destination)
        if now < self._create_ms or not destination.up or destination.liveness == 2:  # a stopping node drops the request silently
            return False
        destination.add_maintainer(self.changefeed)
        self.changefeed.bootstrap_ms = self._bootstrap_ms
        self._created = True
        return False
