"""N1's drain: one session in the coordinator's memory, its answers row by row (section 6.4), and what it does in the background.

Claims: decision rows 3 to 12, 14 and 15; epoch; changefeeds tracked at the start only; draining, then stopping; acknowledged destinations;
the clear phase; the memory of the completed target; nothing survives a change of coordinator. Leaves out PD errors (row 13).
"""

import time

from . import errors

_BROADCAST_MS = 100
_ACKNOWLEDGE_MS = 50
_COMMAND_MS = 50
_RESEND_MS = 5000
_HEARTBEAT_FRESH_MS = 30000
_BATCH = 10000  # v8.5.7


class _Session:
    def __init__(self, target, epoch, tracked, now):
        self.target = target
        self.epoch = epoch
        self.pending = set(tracked)  # changefeeds whose maintainer has not reported this epoch
        self.tracked = frozenset(tracked)
        self.acknowledged = set()
        self.command_ms = {}  # liveness -> when it was last ordered
        self.resend_ms = now + _RESEND_MS


class _Clear:
    def __init__(self, epoch, waiting, now):
        self.epoch = epoch
        self.waiting = waiting
        self.resend_ms = now + _RESEND_MS


class NativeDrain:
    def __init__(self, cluster, coordinator):
        self._cluster = cluster
        self._coordinator = coordinator
        self.session = None
        self.clearing = None
        self._completed = None
        self._epoch = 0
        self._taught = set()  # nodes whose process epoch this coordinator has learnt

    def put(self, target_id):
        """One PUT of the drain call: the count to answer."""
        if target_id == self._coordinator.capture.id:
            raise errors.ApiError("CDC:ErrSchedulerRequestFailed", "scheduler request failed, cannot drain the owner")
        target = self._cluster.registered(target_id)
        if not target:
            return self._put_departed(target_id)
        if self.session and self.session.target is not target:
            return 1
        if not self.session:
            refused = self._answer_without_session()
            if refused is not None:
                return refused
            self._start(target)
        if self.complete():
            return 0
        self._drive()
        return max(self.remaining(), 1)

    def _put_departed(self, target_id):
        if target_id and target_id == self._completed:
            return 0
        if self.session and self.session.target.id == target_id:
            return 0 if self.complete() else max(self.remaining(), 1)
        raise errors.capture_not_exist(target_id)

    def _answer_without_session(self):
        members, faults = self._cluster.members(), self._cluster.faults
        if self.clearing or not self._coordinator.bootstrapped:
            return 1
        if any(not c.capability_known or faults.take("capability_unknown", c) for c in members):
            return 1
        if any(faults.take("legacy_peer", c) for c in members):
            return 0
        return None

    def _start(self, target):
        self._epoch = max(time.time_ns(), self._epoch) + 1
        tracked = [cf.id for cf in self._cluster.changefeeds.values() if cf.running() and self._cluster.replicating(cf)]
        self._completed = None
        self.session = _Session(target, self._epoch, tracked, self._cluster.now())
        self._cluster.judge.event("session_start", target=target.id, epoch=self._epoch, tracked=len(tracked))
        self._broadcast()

    def remaining(self):
        """R: a maximum, not a sum."""
        cluster, session = self._cluster, self.session
        target_id = session.target.id
        maintainers = sum(cf.maintainer == target_id for cf in cluster.changefeeds.values() if cf.running())
        operators = sum(op.touches(target_id) for op in cluster.maintainer_operators.values())
        reports = [cf.report for cf in map(cluster.changefeeds.get, session.tracked)
                   if cf.running() and cf.report and cf.report[0] == session.epoch and cluster.replicating(cf)]
        return max(maintainers, operators, sum(r[1] for r in reports), sum(r[2] for r in reports), len(session.pending))

    def complete(self):
        target = self.session.target
        fresh = self._cluster.now() - target.heartbeat_ms <= _HEARTBEAT_FRESH_MS
        return target.liveness_seen == 2 and fresh and self.remaining() == 0

    def step(self, now):
        """The coordinator's periodic work, every 500 ms."""
        if self.session and not self.session.target.registered:
            self._target_left()
        if self.session:
            self._drive()
            if now >= self.session.resend_ms:
                self.session.resend_ms = now + _RESEND_MS
                self._broadcast()
        if self.clearing:
            self._clear_step(now)

    def collect_reports(self):
        """Status heartbeats of the tracked maintainers, every 200 ms; a report once given is never asked for again."""
        session = self.session
        if not session:
            return
        for changefeed in map(self._cluster.changefeeds.get, session.tracked):
            node = self._cluster.maintainer_node(changefeed)
            if not changefeed.running():
                session.pending.discard(changefeed.id)
            elif node and node.drain_target == (session.target.id, session.epoch):
                on_target = sum(span.node == session.target.id for span in changefeed.spans.values())
                moves = sum(op.origin == session.target.id for op in self._cluster.span_operators_of(changefeed))
                changefeed.report = (session.epoch, on_target, moves)
                session.pending.discard(changefeed.id)

    def schedule_maintainers(self):
        """The coordinator's drain scheduler, every 200 ms: to acknowledged living nodes, fewest maintainers first."""
        session, cluster = self.session, self._cluster
        if not session or not session.target.liveness_seen or not session.target.registered:
            return
        running = sum(op.origin == session.target.id for op in cluster.maintainer_operators.values())
        nodes = [c for c in cluster.members() if c.id in session.acknowledged and c is not session.target and not c.liveness_seen
                 and cluster.now() - c.heartbeat_ms <= _HEARTBEAT_FRESH_MS]
        for changefeed in list(cluster.changefeeds.values()):
            if running >= _BATCH or not nodes:
                return
            if changefeed.maintainer == session.target.id and changefeed.running() and cluster.replicating(changefeed):
                cluster.move_maintainer(changefeed, cluster.least_maintainers(nodes))
                running += 1

    def _broadcast(self):
        session = self.session
        for capture in self._cluster.members():
            if capture.id not in session.acknowledged:
                self._cluster.later(_BROADCAST_MS, lambda c=capture: self._tell(session, c))

    def _tell(self, session, capture):
        if self.session is session and capture.up and self._in_office():
            capture.drain_target = (session.target.id, session.epoch)
            self._cluster.later(_ACKNOWLEDGE_MS, lambda: session.acknowledged.add(capture.id))

    def _in_office(self):
        return self._cluster.coordinator() is self._coordinator

    def _drive(self):
        target = self.session.target
        if target.liveness_seen == 0:
            self._command(target, 1)
        elif target.liveness_seen == 1 and self.remaining() == 0:
            self._command(target, 2)

    def _command(self, target, liveness):
        session, now = self.session, self._cluster.now()
        if now - session.command_ms.get(liveness, 0.0) < 1000:
            return
        session.command_ms[liveness] = now
        self._cluster.later(_COMMAND_MS, lambda: self._obey(session, target, liveness))

    def _obey(self, session, target, liveness):
        if self.session is not session or not target.up or not self._in_office():
            return
        rejected = target.id not in self._taught and self._cluster.rng.random() < 0.25
        self._taught.add(target.id)  # the reply to a command with the wrong process epoch teaches the right one
        if not rejected and target.liveness == liveness - 1:
            self._cluster.set_liveness(target, liveness)

    def _target_left(self):
        session = self.session
        self._completed = session.target.id if self.complete() else None
        self._cluster.judge.event("session_end", target=session.target.id, completed=bool(self._completed))
        self.session = None
        self._start_clear()

    def recover_stale_targets(self):
        """A new coordinator clears the drain target that it hears of, so an earlier 0 is void."""
        if any(capture.drain_target for capture in self._cluster.members()):
            self._start_clear()

    def _start_clear(self):
        waiting = {capture.id for capture in self._cluster.members()}
        self.clearing = _Clear(self._epoch, waiting, self._cluster.now())
        self._send_clear()

    def _send_clear(self):
        clearing = self.clearing
        for capture in self._cluster.members():
            if capture.id in clearing.waiting:
                self._cluster.later(self._cluster.rng.uniform(300, 900), lambda c=capture: self._clear(clearing, c))

    def _clear(self, clearing, capture):
        if self.clearing is clearing and capture.up and self._in_office():
            capture.drain_target = None
            clearing.waiting.discard(capture.id)

    def _clear_step(self, now):
        clearing = self.clearing
        clearing.waiting &= {capture.id for capture in self._cluster.members()}
        if not clearing.waiting:
            self.clearing = None
            self._cluster.drain_cleared_ms = now
            self._cluster.judge.event("clear_done")
        elif now >= clearing.resend_ms:
            clearing.resend_ms = now + _RESEND_MS
            self._send_clear()
