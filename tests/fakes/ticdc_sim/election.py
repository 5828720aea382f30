"""The etcd election: a queue of keys, oldest first, and the coordinator object of the capture whose key is at the head (section 7).

Claims: resign deletes the key and the process queues again at the end; a draining process does not queue, and if it wins it resigns at
once; a dead process keeps its key until its lease ends; bootstrap needs an answer of every registered process. Fault: one that lost
the election keeps its object, and answers by it (row 26).
"""

from . import classic, settling
from .native_drain import NativeDrain


class Coordinator:
    """The coordinator object of one process. It knows nothing of its predecessor."""

    def __init__(self, cluster, capture):
        self.capture = capture
        self.created_ms = cluster.now()
        self.bootstrapped = False
        self.drain_calls = 0  # the fake counter of N0 and M
        self.native = NativeDrain(cluster, self)
        self.classic = classic.Owner(cluster, self)


class Election:
    def __init__(self, cluster):
        self._cluster = cluster
        self._queue = []  # capture ids
        self._head_since_ms = 0.0
        self._minute_ms = 0.0

    def leader_id(self):
        return self._queue[0] if self._queue else None

    def leave(self, capture_id):
        if capture_id in self._queue:
            if self._queue[0] == capture_id:
                self._head_since_ms = self._cluster.now()
            self._queue.remove(capture_id)

    def resign(self, capture):
        """Its coordinator object stops, its key is deleted; step() lets it queue again behind the others."""
        self.leave(capture.id)
        self._campaign()
        self._dissolve(capture)

    def _dissolve(self, capture):
        if capture.coordinator and not (capture.up and self._cluster.faults.find("stale_owner", capture)):
            capture.coordinator = None
            capture.owner_until_ms = self._cluster.now() + 100

    def step(self, now):
        self._campaign()
        for capture in self._cluster.captures:
            if capture.coordinator and (capture.id != self.leader_id() or not capture.up):
                self._dissolve(capture)
        leader = self._cluster.registered(self.leader_id())
        if not leader or not leader.up:
            return
        if leader.coordinator:
            self._bootstrap(leader.coordinator, now)
        elif now - self._head_since_ms >= self._cluster.durations.elect_ms:
            if leader.liveness:
                self._cluster.judge.event("elected_while_draining", capture_id=leader.id)
                self.leave(leader.id)
            else:
                leader.coordinator = Coordinator(self._cluster, leader)
                self._minute_ms = now + 60000
                self._cluster.judge.event("elected", capture_id=leader.id, address=leader.address)

    def _campaign(self):
        for capture in self._cluster.captures:
            if capture.registered and capture.up and not capture.liveness and capture.id not in self._queue:
                if not self._queue:
                    self._head_since_ms = self._cluster.now()
                self._queue.append(capture.id)

    def _bootstrap(self, coordinator, now):
        if now >= self._minute_ms:
            coordinator.capture.ownership_minutes += 1
            self._minute_ms = now + 60000
        if coordinator.bootstrapped or now - coordinator.created_ms < self._cluster.durations.bootstrap_ms:
            return
        if all(capture.up for capture in self._cluster.members()):
            coordinator.bootstrapped = True
            self._cluster.judge.event("bootstrapped", capture_id=coordinator.capture.id)
            settling.take_over(self._cluster)
            coordinator.native.recover_stale_targets()
