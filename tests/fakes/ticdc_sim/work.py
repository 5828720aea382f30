"""Changefeeds and their spans as the coordinator and the maintainers believe them to be. The truth is in capture.py.

Claims: a changefeed is absent, bound to a node, or bootstrapped there; each span has a node or none. A maintainer that has just
bootstrapped believes what the nodes told it. Each table is one span per mode. States are normal, warning, stopped and finished.
"""


class Span:
    def __init__(self, changefeed_id, table_id, mode):
        self.key = (changefeed_id, table_id, mode)
        self.node = ""

    @property
    def table_id(self):
        return self.key[1]

    @property
    def mode(self):
        return self.key[2]


class Changefeed:
    def __init__(self, name, table_ids, redo, rng, created):
        self.id = name
        self.keyspace = "default"
        self.redo = redo
        self.modes = (0, 1) if redo else (0,)
        self.state = "normal"
        self.created = created
        self.gid = (rng.getrandbits(64), rng.getrandbits(64))
        self.maintainer = None  # the coordinator's belief: capture id
        self.previous_maintainer_addr = ""
        self.bootstrapped = False
        self.bootstrap_ms = 0.0  # when a maintainer that exists may finish bootstrapping
        self.spans = {(table, mode): Span(name, table, mode) for mode in self.modes for table in table_ids}
        self.report = None  # (epoch, dispatchers on the target, moves off it): the maintainer's last status about a drain
        self.drain_limit = None  # (epoch, {mode: concurrent moves})

    def running(self):
        return self.state in ("normal", "warning")

    def lose_maintainer(self):
        self.maintainer = None
        self.bootstrapped = False

    def adopt_truth(self, captures):
        """Bootstrap: every node told what it runs for this changefeed."""
        for span in self.spans.values():
            span.node = next((c.id for c in captures if span.key in c.dispatchers), "")
        self.bootstrapped = True
