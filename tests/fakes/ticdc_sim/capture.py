"""One capture process and the truth about it: what really runs there, whatever the coordinator and the maintainers believe.

Claims: maintainers, table dispatchers, trigger dispatchers and event-broker registrations are counted separately; a registration ends
with its dispatcher, or later (issue #6316). Does not simulate the data path of a dispatcher.
"""

import time
import uuid


class Capture:
    def __init__(self, address, rng, now_ms, kill):
        self.address = address
        self.token = uuid.uuid4().hex  # names this process on relayed connections
        self.kill = kill  # ends the process that holds the socket
        self.id = new_id(rng)
        self.pid = rng.randrange(2, 60000)
        self.start_time = time.time()
        self.started_ms = now_ms
        self.up = True
        self.stopping = False
        self.registered = False
        self.capability_known = False  # to the coordinator, by a node heartbeat
        self.lease_end_ms = None  # set when the process is lost and its key waits for the lease to end
        self.coordinator = None
        self.owner_until_ms = 0.0  # /status may say is_owner a moment longer than it is true
        self.ownership_minutes = 0
        self.liveness = 0
        self.liveness_seen = 0  # what the last heartbeat told the coordinator
        self.heartbeat_ms = now_ms
        self.drain_target = None  # (capture id, epoch), as told by the coordinator
        self.maintainers = set()
        self.triggers = set()  # (changefeed, mode)
        self.dispatchers = set()  # (changefeed, table, mode)
        self.had_work = False
        self.maintainer_labels = set()
        self._broker = {}  # key -> None while live, else the time at which the registration ends
        self.broker_gauge = None
        self.broker_drift = 0  # triggers are decremented and never incremented in these versions
        self.dispatchers_ever = 0
        self.has_broker = True  # not in family C

    def serving(self):
        """The process still answers on connections that it has."""
        return self.up or self.stopping

    def add_maintainer(self, changefeed):
        self.had_work = True
        self.maintainers.add(changefeed.id)
        self.maintainer_labels.add(changefeed.id)
        for mode in changefeed.modes:
            self.triggers.add((changefeed.id, mode))
            self._register((changefeed.id, 0, mode))

    def drop_maintainer(self, changefeed, broker_end_ms):
        self.maintainers.discard(changefeed.id)
        for mode in changefeed.modes:
            if (changefeed.id, mode) in self.triggers:
                self.triggers.discard((changefeed.id, mode))
                self.broker_drift += 1
                self._broker[(changefeed.id, 0, mode)] = broker_end_ms

    def add_dispatcher(self, key):
        self.had_work = True
        self.dispatchers.add(key)
        self._register(key)

    def drop_dispatcher(self, key, broker_end_ms):
        if key in self.dispatchers:
            self.dispatchers.discard(key)
            if self.has_broker:
                self._broker[key] = broker_end_ms

    def _register(self, key):
        if self.has_broker:
            self._broker[key] = None
        self.dispatchers_ever += 1

    def clear(self):
        """The process stops: nothing runs here any more."""
        self.maintainers.clear()
        self.triggers.clear()
        self.dispatchers.clear()
        self._broker.clear()

    def brokers(self, now_ms):
        ended = [key for key, end in self._broker.items() if end is not None and end <= now_ms]
        for key in ended:
            del self._broker[key]
        return len(self._broker)

    def empty(self):
        return not (self.maintainers or self.triggers or self.dispatchers)

    def truth(self, now_ms):
        return {"maintainers": len(self.maintainers), "dispatchers": len(self.dispatchers), "triggers": len(self.triggers),
                "brokers": self.brokers(now_ms)}


def new_id(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
