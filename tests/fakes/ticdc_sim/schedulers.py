"""TiCDC's own schedulers: place what is absent (basic), empty the drain target (drain, N1), even the load (balance, N0 and N1).

Claims: they choose by belief, know nothing of dead processes whose key is still there, and in N0 and M nothing of draining. Dispatcher
schedulers run where the maintainer is, so they stand still while it is gone. Split and merge are not simulated.
"""

from collections import Counter
from math import ceil

_BALANCE_AFTER_CLEAR_MS = 120000
_MAINTAINER_BALANCE_MS = 60000


def place_maintainers(cluster):
    """Every 500 ms. Frozen in N1 while a draining node is seen and no session is known (6.4, failover)."""
    coordinator = cluster.coordinator()
    if not coordinator or not coordinator.bootstrapped:
        return
    nodes = cluster.members()
    if cluster.family.native_drain:
        if any(c.liveness_seen for c in nodes) and not coordinator.native.session:
            return
        nodes = [c for c in nodes if not c.liveness_seen]
    for changefeed in cluster.changefeeds.values():
        if nodes and changefeed.state == "normal" and not changefeed.maintainer and changefeed.id not in cluster.maintainer_operators:
            cluster.move_maintainer(changefeed, cluster.least_maintainers(nodes))


def place_spans(cluster):
    """Every 500 ms, by each maintainer: anywhere but on the drain target that its node knows of."""
    for changefeed, node in cluster.living_maintainers():
        absent = [s for s in changefeed.spans.values() if not s.node and s.key not in cluster.span_operators]
        nodes = [c for c in cluster.members() if not (node.drain_target and node.drain_target[0] == c.id)]
        if absent and nodes:
            load = _load(cluster, changefeed)
            for span in absent:
                _send(cluster, changefeed, span, nodes, load)


def drain_spans(cluster):
    """N1, every 200 ms, by each maintainer that is not itself on the target; excludes the target only."""
    for changefeed, node in cluster.living_maintainers():
        if not node.drain_target or changefeed.maintainer == node.drain_target[0]:
            continue
        target, epoch = node.drain_target
        nodes = [c for c in cluster.members() if c.id != target]
        if nodes and cluster.registered(target):
            load = _load(cluster, changefeed)
            for mode in changefeed.modes:
                _drain_mode(cluster, changefeed, mode, target, epoch, nodes, load)


def _drain_mode(cluster, changefeed, mode, target, epoch, nodes, load):
    spans = [s for s in changefeed.spans.values() if s.mode == mode and s.node == target]
    if not changefeed.drain_limit or changefeed.drain_limit[0] != epoch:
        changefeed.drain_limit = (epoch, {})
    limit = changefeed.drain_limit[1].setdefault(mode, max(10, ceil(len(spans) / 100)))
    room = limit - sum(op.origin == target and op.span.mode == mode for op in cluster.span_operators_of(changefeed))
    for span in [s for s in spans if s.key not in cluster.span_operators][:max(room, 0)]:
        _send(cluster, changefeed, span, nodes, load)


def balance_spans(cluster):
    """Every 5 s per changefeed, if it is settled: every registered node is filled up to spans / nodes. This is what flows back in N0."""
    if cluster.now() - cluster.drain_cleared_ms < _BALANCE_AFTER_CLEAR_MS:
        return
    for changefeed, node in cluster.living_maintainers():
        spans = changefeed.spans.values()
        if node.drain_target or any(not s.node for s in spans) or cluster.span_operators_of(changefeed):
            continue
        for mode in changefeed.modes:
            _balance_mode(cluster, changefeed, [s for s in spans if s.mode == mode])


def _balance_mode(cluster, changefeed, spans):
    nodes = cluster.members()
    load = Counter(s.node for s in spans)
    floor = len(spans) // len(nodes)
    for node in nodes:
        donors = [s for s in spans if load[s.node] > floor and s.node != node.id and s.key not in cluster.span_operators]
        while load[node.id] < floor and donors:
            span = max(donors, key=lambda s: load[s.node])
            donors.remove(span)
            if load[span.node] > floor:
                load[span.node] -= 1
                load[node.id] += 1
                cluster.move_span(changefeed, span, node)


def balance_maintainers(cluster):
    """Every 60 s, by the coordinator; paused while a draining node is seen and one interval longer."""
    coordinator, nodes = cluster.coordinator(), cluster.members()
    if not coordinator or not coordinator.bootstrapped or cluster.maintainer_operators or any(c.liveness_seen for c in nodes):
        return
    if cluster.now() - cluster.drain_cleared_ms < _MAINTAINER_BALANCE_MS:
        return
    load = Counter(cf.maintainer for cf in cluster.changefeeds.values())
    floor = sum(load.values()) // len(nodes)
    for changefeed in cluster.changefeeds.values():
        poorest = min(nodes, key=lambda c: (load[c.id], c.id))
        if load[poorest.id] < floor < load[changefeed.maintainer] and cluster.replicating(changefeed):
            load[changefeed.maintainer] -= 1
            load[poorest.id] += 1
            cluster.move_maintainer(changefeed, poorest)


def _load(cluster, changefeed):
    """Spans per node, those in flight counted where they go."""
    operators = cluster.span_operators
    return Counter(operators[s.key].destination if s.key in operators else s.node for s in changefeed.spans.values())


def _send(cluster, changefeed, span, nodes, load):
    destination = min(nodes, key=lambda c: (load[c.id], cluster.rng.random()))
    load[span.node] -= 1
    load[destination.id] += 1
    cluster.move_span(changefeed, span, destination)
