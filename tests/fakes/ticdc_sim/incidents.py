"""Faults that change the model itself, rather than an answer: failovers, deaths in mid-move, work that comes back.

Each is named in faults.KNOBS. Those of at_once() act when they are set; the others are looked for in every tick.
"""

from .capture import new_id

AT_ONCE = ("coordinator_failover", "id_change", "fence", "rest")


def at_once(cluster, fault):
    if fault["name"] == "coordinator_failover":
        coordinator = cluster.coordinator()
        if coordinator:
            cluster.judge.event("coordinator_failover", capture_id=coordinator.capture.id)
            cluster.election.resign(coordinator.capture)
        return
    if fault["name"] == "rest":
        cluster.pause(cluster.changefeeds[fault["changefeed"]], fault.get("state", "stopped"), fault.get("ms"))
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
    _back_off(cluster)
    _forget_spans(cluster, now)
    _turn_back(cluster)
    for capture in cluster.members():
        if cluster.faults.find("unrelated_moves", capture):
            _move_elsewhere(cluster, capture)
        if cluster.faults.find("belief_empty", capture):
            _believe_empty(cluster, capture)
        _flow_back(cluster, capture, now)


def _named(cluster, name):
    """The changefeeds that a fault of this name lists."""
    fault = cluster.faults.find(name)
    return set(fault.get("changefeeds", ())) if fault else set()


def _back_off(cluster):
    """A maintainer met an error: it is torn down, its changefeed waits in warning, and its dispatchers stay (3.3; rows 9, 10)."""
    named = _named(cluster, "maintainer_backoff")
    for changefeed in cluster.changefeeds.values():
        if changefeed.id in named and changefeed.state == "normal":
            changefeed.state = "warning"
            cluster.cancel_maintainer_operator(changefeed)
            for capture in cluster.captures:
                capture.drop_maintainer(changefeed, cluster.broker_end_ms(capture))
            changefeed.lose_maintainer()
            cluster.judge.event("backoff", changefeed=changefeed.id)
        elif changefeed.id not in named and changefeed.state == "warning":
            changefeed.state = "normal"
            cluster.judge.event("backoff_end", changefeed=changefeed.id)


def _forget_spans(cluster, now):
    """A maintainer waits for the last answer to its bootstrap request (row 12). Without the fault it has it soon."""
    for changefeed_id in _named(cluster, "unbootstrapped") & set(cluster.changefeeds):
        cluster.changefeeds[changefeed_id].bootstrapped = False
        cluster.changefeeds[changefeed_id].bootstrap_ms = now + 100


def _move_elsewhere(cluster, capture):
    """Somebody else's moves: move_table adopts them, and says 200 (row 22)."""
    others = [c for c in cluster.members() if c is not capture and not c.liveness]
    for changefeed, _ in cluster.living_maintainers() if others else ():
        for span in changefeed.spans.values():
            if span.node == capture.id and span.key not in cluster.span_operators:
                cluster.move_span(changefeed, span, cluster.rng.choice(others)).unrelated = True


def _turn_back(cluster):
    """They end where they began, as if their destinations had left."""
    for key, operator in list(cluster.span_operators.items()):
        if operator.unrelated and not cluster.faults.find("unrelated_moves", cluster.registered(operator.origin)):
            operator.finished = True
            del cluster.span_operators[key]


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
    faults = [cluster.faults.find("freeze")] + [cluster.faults.find("freeze", c) for c in cluster.members() if operator.touches(c.id)]
    return getattr(operator, "unrelated", False) or any(fault and _freezes(fault, operator) for fault in faults)


def _freezes(fault, operator):
    span = getattr(operator, "span", None)
    work = "dispatchers" if span else "maintainers"
    return fault.get("work", work) == work and ("mode" not in fault or bool(span) and span.mode == fault["mode"])


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
