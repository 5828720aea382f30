"""The cluster: every capture, the changefeeds, the timers and the tick that lets them act. One lock guards all of it.

Claims: a capture registers after a delay, on SIGTERM its key goes last (section 10), after a crash when its lease ends; whoever lost a node
notices within 500 ms. The order of work in one tick is the order of the lines in _tick.
"""

import heapq
import itertools
import os
import random
import threading
import time
import traceback
from collections import Counter

from . import classic, incidents, schedulers, settling
from .capture import Capture
from .election import Election
from .faults import Faults
from .judge import Judge
from .operators import MaintainerOperator, SpanOperator
from .work import Changefeed

_TICK_SECONDS = 0.02


class Cluster:
    def __init__(self, family, durations, expect, seed):
        self.family = family
        self.durations = durations
        self.expect = expect
        self.cluster_id = "default"
        self.lock = threading.RLock()
        self.rng = random.Random(seed)
        self.captures = []  # every process that runs or is still registered
        self.changefeeds = {}
        self.keyspaces = []  # of a next-generation kernel; none: the classic kernel, which has "default" and ignores what is asked for
        self.span_operators = {}
        self.maintainer_operators = {}
        self.faults = Faults(self.now)
        self.judge = Judge()
        self.election = Election(self)
        self.drain_cleared_ms = float("-inf")
        self.placed = False
        self._timers = []
        self._timer_order = itertools.count()
        self._due = {}
        self._table_ids = itertools.count(100 + self.rng.randrange(1 << 40))

    # ---- time

    def now(self):
        return time.monotonic() * 1000

    def later(self, delay_ms, action):
        heapq.heappush(self._timers, (self.now() + delay_ms, next(self._timer_order), action))

    def run(self):
        """The model thread. An error in the model ends the process: a simulator that stands still would pass for a stuck cluster."""
        try:
            while True:
                with self.lock:
                    self._tick(self.now())
                time.sleep(_TICK_SECONDS)
        except Exception:
            traceback.print_exc()
            os._exit(70)

    def _every(self, name, period_ms, now):
        if now < self._due.setdefault(name, now + period_ms):
            return False
        self._due[name] = now + period_ms
        return True

    def _tick(self, now):
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        self._end_leases(now)
        self.election.step(now)
        if self.family.classic:
            classic.step(self, now)
        else:
            settling.place_first(self)
            settling.bootstrap_maintainers(self, now)
        self._step_operators(now)
        incidents.step(self, now)
        if not self.family.classic and self._every("membership", 500, now):
            settling.notice_departures(self)
            self._native("step", now)
        if self._every("drain", 200, now):
            self._native("collect_reports")
            self._native("schedule_maintainers")
            schedulers.drain_spans(self)
            settling.judge_homes(self)
        if not self.family.classic and self._every("basic", 500, now) and self.placed:
            off = self.faults.find("basic_placement")
            if not off:
                schedulers.place_maintainers(self)
            if not off or off.get("work") == "maintainers":
                schedulers.place_spans(self)
        if self.family.balances and self._every("balance_spans", 5000, now):
            schedulers.balance_spans(self)
        if self.family.balances and self._every("balance_maintainers", 60000, now):
            schedulers.balance_maintainers(self)
        for capture in self.captures:
            if capture.up:
                capture.heartbeat_ms = now
                self._refresh_broker_gauge(capture, now)

    def _native(self, step, *args):
        coordinator = self.coordinator()
        if coordinator and self.family.native_drain:
            getattr(coordinator.native, step)(*args)

    def _refresh_broker_gauge(self, capture, now):
        if self._every(capture.token, 5000, now) and capture.dispatchers_ever:
            capture.broker_gauge = capture.brokers(now)

    # ---- captures

    def registered(self, capture_id):
        return next((c for c in self.captures if c.id == capture_id and c.registered), None)

    def members(self):
        return [c for c in self.captures if c.registered]

    def by_address(self, address):
        """The process that answers at this address now."""
        return next((c for c in self.captures if c.address == address and c.up), None)

    def find(self, name):
        """By address or id, for the control API."""
        return self.by_address(name) or next((c for c in self.captures if c.id == name), None)

    def coordinator(self):
        """The coordinator object of the elected process, if it has one."""
        leader = self.registered(self.election.leader_id())
        return leader.coordinator if leader and leader.up else None

    def start_capture(self, address, kill):
        with self.lock:
            capture = Capture(address, self.rng, self.now(), kill)
            capture.has_broker = not self.family.classic
            self.captures.append(capture)
            self.judge.event("capture_started", capture_id=capture.id, address=address)
            self.register_later(capture)
            return capture

    def register_later(self, capture):
        self.later(self.durations.register_ms, lambda: self._register(capture))

    def _register(self, capture):
        if capture.up:
            capture.registered = True
            self.judge.event("registered", capture_id=capture.id, address=capture.address)
            self.later(300, lambda: setattr(capture, "capability_known", True))

    def stop_capture(self, capture, on_exit):
        """SIGTERM: everything is cancelled at once, the key goes last, then `on_exit(code)`."""
        with self.lock:
            if not capture.up:
                return
            self.judge.stop(capture, "sigterm", capture.truth(self.now()))
            capture.up, capture.stopping = False, True
            capture.clear()
            self.election.leave(capture.id)
            self.later(self.durations.stop_ms, lambda: self._stopped(capture, on_exit))

    def _stopped(self, capture, on_exit):
        if capture.stopping:
            capture.stopping = False
            self._unregister(capture)
            on_exit(self.family.exit_code)

    def lose_capture(self, capture):
        """The process died: its key stays until the lease ends. A stop that was under way is not judged again."""
        with self.lock:
            if not capture.serving():
                return
            if capture.up:
                self.judge.stop(capture, "crash", capture.truth(self.now()))
            capture.up = capture.stopping = False
            capture.clear()
            capture.lease_end_ms = self.now() + self.durations.ttl_ms

    def _end_leases(self, now):
        for capture in [c for c in self.captures if c.lease_end_ms and now >= c.lease_end_ms]:
            self._unregister(capture)

    def _unregister(self, capture):
        capture.registered = False
        self.captures.remove(capture)
        self.election.leave(capture.id)
        self.judge.event("unregistered", capture_id=capture.id, address=capture.address)

    def set_liveness(self, capture, liveness):
        """Only the transitions 0 -> 1 -> 2 are ever asked for. The coordinator sees it with the next heartbeat."""
        capture.liveness = liveness
        self.judge.event("liveness", capture_id=capture.id, address=capture.address, liveness=liveness)
        self.later(50, lambda: setattr(capture, "liveness_seen", max(capture.liveness_seen, liveness)))

    # ---- work

    def add_changefeed(self, name, tables, redo=False, keyspace="default"):
        table_ids = [next(self._table_ids) for _ in range(tables)]
        self.changefeeds[name] = Changefeed(name, table_ids, redo, self.rng, time.time())
        self.changefeeds[name].keyspace = keyspace
        return self.changefeeds[name]

    def pause(self, changefeed, state="stopped", closing_ms=None):
        """Gone from the books at once, while its dispatchers take a while to close (section 11, row 27)."""
        changefeed.state = state
        changefeed.lose_maintainer()
        self.cancel_maintainer_operator(changefeed)
        self.cancel_spans_of(changefeed)
        for span in changefeed.spans.values():
            span.node = ""
        self.later(closing_ms or self.durations.move_ms, lambda: self._close(changefeed))

    def _close(self, changefeed):
        for capture in self.captures if not changefeed.running() else ():
            capture.drop_maintainer(changefeed, self.broker_end_ms(capture))
            for span in changefeed.spans.values():
                capture.drop_dispatcher(span.key, self.broker_end_ms(capture))

    def resume(self, changefeed):
        """Later than the closing that a pause may still be waiting for."""
        self.later(self.durations.move_ms, lambda: setattr(changefeed, "state", "normal"))

    def replicating(self, changefeed):
        """Its maintainer is settled, as far as the coordinator knows."""
        return bool(changefeed.maintainer and changefeed.bootstrapped and changefeed.id not in self.maintainer_operators)

    def maintainer_node(self, changefeed):
        """The capture where its maintainer really runs and works."""
        node = self.registered(changefeed.maintainer)
        return node if node and node.up and changefeed.bootstrapped and changefeed.id in node.maintainers else None

    def movable(self):
        """Changefeeds whose dispatchers may move now."""
        return [cf for cf in self.changefeeds.values() if cf.running()] if self.family.classic else [
            cf for cf, _ in self.living_maintainers()]

    def living_maintainers(self):
        pairs = [(cf, self.maintainer_node(cf)) for cf in self.changefeeds.values() if cf.running()]
        return [(cf, node) for cf, node in pairs if node]

    def least_maintainers(self, nodes):
        """Moves in flight count where they go; ties are random."""
        load = Counter(cf.maintainer for cf in self.changefeeds.values() if cf.id not in self.maintainer_operators)
        load.update(op.destination for op in self.maintainer_operators.values())
        return min(nodes, key=lambda c: (load[c.id], self.rng.random()))

    # ---- operators

    def move_maintainer(self, changefeed, destination):
        operator = MaintainerOperator(self, changefeed, destination)
        self.maintainer_operators[changefeed.id] = operator
        self._judge_move("maintainers", operator, self.maintainer_operators, destination)
        return operator

    def move_span(self, changefeed, span, destination):
        operator = (classic.ReplicaOperator if self.family.classic else SpanOperator)(self, changefeed, span, destination)
        self.span_operators[span.key] = operator
        self._judge_move("dispatchers", operator, self.span_operators, destination)
        return operator

    def _judge_move(self, work, operator, operators, destination):
        coordinator = self.coordinator()
        session = coordinator.native.session if coordinator else None
        to_draining = destination.liveness > 0 or bool(session and session.target is destination)
        running = sum(op.kind == "move" for op in operators.values())
        self.judge.move(work, operator, running, to_draining)

    def span_operators_of(self, changefeed):
        return [op for op in self.span_operators.values() if op.changefeed is changefeed]

    def cancel_maintainer_operator(self, changefeed):
        operator = self.maintainer_operators.pop(changefeed.id, None)
        if operator:
            operator.finished = True

    def cancel_spans_of(self, changefeed):
        for operator in self.span_operators_of(changefeed):
            operator.finished = True
            del self.span_operators[operator.span.key]

    def _step_operators(self, now):
        for changefeed_id in {op.changefeed.id for op in self.span_operators.values()}:
            if not self.family.classic and not self.maintainer_node(self.changefeeds[changefeed_id]):
                self.cancel_spans_of(self.changefeeds[changefeed_id])
        self._step_all(self.span_operators, "dispatchers", now)
        coordinator = self.coordinator()
        if coordinator and coordinator.bootstrapped:
            self._step_all(self.maintainer_operators, "maintainers", now)

    def _step_all(self, operators, work, now):
        for key, operator in list(operators.items()):
            if operators.get(key) is operator and not incidents.frozen(self, operator):
                if operator.step(now):
                    operator.finished = True
                    del operators[key]
                    self.judge.move_done(work, operator)
                else:
                    incidents.kill_destination(self, operator, work)

    def broker_end_ms(self, capture):
        fault = self.faults.find("broker_linger", capture)
        return self.now() + (fault.get("ms", 10000) if fault else 0)
