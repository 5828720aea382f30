"""Faults that change the model itself, rather than an answer: failovers, deaths in mid-move, work that comes back.

Each is named in faults.KNOBS. Those of at_once() act when they are set; the others are looked for in every tick.
"""

from .capture import new_id

AT_ONCE = ("coordinator_failover", "id_change", "fence")


def at_once(cluster, fault):
    if fault["name"] == "coordinator_failover":
        coordinator = cluster.coordinator()
        if coordinator:
            cluster.judge.event("coordinator_failover", capture_id=coordinator.capture.id)
            cluster.election.resign(coordinator.capture)
        return
    capture = cluster.find(fault.get("capture", ""))
    if not capture:
        raise ValueError(f"{fault['name']} needs a capture that is up")
    _AT_ONCE[fault["name"]](cluster, capture)


def _fence(cluster, capture):
    """The etcd session was lost: liveness goes to 2 with the work still there (section 11, row 24)."""
    for liveness in range(capture.liveness + 1, 3):
        cluster.set_liveness(capture, liveness)


def _change_id(cluster, capture):
    """The process restarts inside itself: same pid, another id, its work gone, registered anew after the usual delay."""
    cluster.judge.event("id_change", capture_id=capture.id, address=capture.address)
    cluster.election.leave(capture.id)
    capture.coordinator = None
    capture.clear()
    capture.registered = False
    capture.drain_target = None
    capture.id = new_id(cluster.rng)
    cluster.register_later(capture)


_AT_ONCE = {"id_change": _change_id, "fence": _fence}


def step(cluster, now):
    for capture in cluster.members():
        if cluster.faults.find("belief_empty", capture):
            _believe_empty(cluster, capture)
        _flow_back(cluster, capture, now)


def _believe_empty(cluster, capture):
    """Maintainers believe that what runs here runs elsewhere (row 13). Clearing the fault does not mend it; a bootstrap does."""
    others = [c for c in cluster.members() if c is not capture]
    for changefeed in cluster.changefeeds.values() if others else ():
        for span in changefeed.spans.values():
            if span.node == capture.id and span.key not in cluster.span_operators:
                span.node = cluster.rng.choice(others).id


def _flow_back(cluster, capture, now):
    """Once it is empty, a dispatcher comes back after `ms`."""
    fault = cluster.faults.find("flow_back", capture)
    if not fault or not capture.had_work or not capture.empty():
        return
    if now < fault.setdefault("due_ms", now + fault.get("ms", 1000)):
        return
    for changefeed in cluster.movable():
        for span in changefeed.spans.values():
            if span.node not in ("", capture.id) and span.key not in cluster.span_operators:
                cluster.faults.take("flow_back", capture)
                fault.setdefault("count", 1)
                cluster.move_span(changefeed, span, capture)
                return


def frozen(cluster, operator):
    fault = cluster.faults.find("freeze") or any(
        cluster.faults.find("freeze", c) for c in cluster.members() if operator.touches(c.id))
    return bool(fault)


def kill_destination(cluster, operator, work):
    """The destination of a move dies: right after the origin stopped, or (phase before_stop) while it has not yet."""
    destination = cluster.registered(operator.destination)
    fault = destination and cluster.faults.find("dest_dies_mid_move", destination)
    if not fault or operator.kind != "move" or fault.get("work", work) != work or not destination.up:
        return
    if operator.stopped == (fault.get("phase", "after_stop") == "after_stop"):
        cluster.faults.take("dest_dies_mid_move", destination)
        fault.setdefault("count", 1)
        cluster.lose_capture(destination)
        destination.kill()
