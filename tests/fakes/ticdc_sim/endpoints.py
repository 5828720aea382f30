"""What each endpoint answers once the request is at the process that must answer it. Called without the lock; each takes it.

Claims: codes, order of checks and bodies of sections 2 to 4, 6.3, 6.4, 7, 8, 12. The handlers get (cluster, capture, request).
"""

import base64
import json
import re
import time
from dataclasses import dataclass

from . import errors, metrics, views
from .errors import ApiError

_NAME = re.compile(r"[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*")
_WAIT_POLL_SECONDS = 2
_WAIT_POLLS = 30
_GO_BOOL = {**dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
            **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False)}


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = ""
    action: str = ""  # a fault for the connection to perform
    fault: dict = None


def answer(value, status=200, indent=None):
    separators = (",", ": ") if indent else (",", ":")
    body = json.dumps(value, indent=indent, separators=separators).encode()
    return Response(status, body, "application/json; charset=utf-8")


def authenticate(cluster, capture, request):
    """Basic auth, when the fault auth_401 asks for it. Only its own user and password pass, if it has any."""
    with cluster.lock:
        fault = cluster.faults.take("auth_401", capture)
    if not fault:
        return
    given = request.headers.get("authorization", "")
    if not given:
        raise ApiError("CDC:ErrCredentialNotFound", "credential not found: no credential provided", 401)
    wanted = f"{fault.get('user', '')}:{fault.get('password', '')}".encode()
    if "user" not in fault or given != "Basic " + base64.b64encode(wanted).decode():
        raise ApiError("CDC:ErrUnauthorized", "user unauthorized: access denied", 401)


def coordinator_of(capture):
    if not capture.coordinator:
        raise ApiError("CDC:ErrNotOwner", "this capture is not a owner")
    return capture.coordinator


def check_name(changefeed_id):
    if len(changefeed_id) > 128 or not _NAME.fullmatch(changefeed_id):
        raise ApiError("CDC:ErrAPIInvalidParam", f"invalid api parameter: invalid changefeed_id: {changefeed_id}")


def keyspace_of(cluster, request):
    """None on the classic kernel. Since 99cc6adc2 the refusal has the usual form."""
    if not cluster.keyspaces:
        return None
    given = request.query.get("keyspace", "")
    if given not in cluster.keyspaces:
        raise ApiError("CDC:ErrAPIInvalidParam", f"invalid api parameter: keyspace {given!r}")
    return given


def find_changefeed(cluster, request, changefeed_id):
    check_name(changefeed_id)
    keyspace, found = keyspace_of(cluster, request), cluster.changefeeds.get(changefeed_id)
    if not found or views.is_hidden(cluster, changefeed_id) or keyspace not in (None, found.keyspace):
        raise errors.changefeed_not_exists(changefeed_id)
    return found


def status(cluster, capture, request):
    with cluster.lock:
        return answer(views.status(cluster, capture), indent=4)


def health(cluster, capture, request):
    with cluster.lock:
        coordinator_of(capture)
        if capture.liveness:
            raise ApiError("CDC:ErrClusterIsUnhealthy", "TiCDC cluster is unhealthy")
        return answer({})


def captures_v1(cluster, capture, request):
    with cluster.lock:
        return answer(views.captures(cluster, capture))


def captures_v2(cluster, capture, request):
    with cluster.lock:
        return listing(views.captures(cluster, capture))


def listing(items):
    return answer({"total": len(items), "items": items})


def _initialized(capture):
    if not coordinator_of(capture).bootstrapped:
        raise errors.not_initialized()


def changefeeds_v1(cluster, capture, request):
    with cluster.lock:
        _initialized(capture)
        return answer(views.changefeeds(cluster, request.query.get("state")))


def changefeeds_v2(cluster, capture, request):
    with cluster.lock:
        _initialized(capture)
        return listing(views.changefeeds(cluster, request.query.get("state"), keyspace_of(cluster, request)))


def changefeed(cluster, capture, request, changefeed_id):
    with cluster.lock:
        _initialized(capture)
        return answer(views.changefeed(cluster, find_changefeed(cluster, request, changefeed_id)))


def resign(cluster, capture, request):
    with cluster.lock:
        if capture.coordinator:
            cluster.judge.resign(capture)
            cluster.election.resign(capture)
        return answer({}, 202 if request.path.startswith("/api/v1/") else 200)


def drain(cluster, capture, request):
    if cluster.family.native_drain:
        authenticate(cluster, capture, request)
    target_id = drain_target(request.body)
    with cluster.lock:
        count = _drain_count(cluster, capture, target_id)
        if cluster.faults.take("early_zero", capture):
            count = 0
        missing = cluster.faults.take("missing_field", capture)
        target = cluster.find(target_id)
        cluster.judge.event("drain_answer", coordinator=capture.id, target=target_id, count=None if missing else count,
                            truth=target and target.truth(cluster.now()))
        return answer({} if missing else {"current_table_count": count}, 202)


def _drain_count(cluster, capture, target_id):
    coordinator = coordinator_of(capture)
    if cluster.family.native_drain:
        return coordinator.native.put(target_id)
    coordinator.drain_calls += 1
    return 0 if coordinator.drain_calls % 10 else 10


def drain_target(body):
    """JSON binding: an object whose capture_id, if there, is a string; null is an empty object."""
    try:
        value = json.loads(body)
        value = {} if value is None else value
        target_id = value.get("capture_id") or ""
        if isinstance(target_id, str):
            return target_id
    except (ValueError, AttributeError):
        pass
    raise errors.BindError("CDC:ErrAPIInvalidParam", "invalid api parameter: cannot bind the body")


def _mode(request):
    return 1 if request.query.get("mode") == "1" else 0


def _local_maintainer(cluster, capture, request, changefeed_id):
    """The maintainer object in this very process."""
    changefeed = find_changefeed(cluster, request, changefeed_id)
    fault = cluster.faults.find("maintainer_not_found", capture)
    hidden = fault and fault.get("changefeed", changefeed_id) == changefeed_id and cluster.faults.take("maintainer_not_found", capture)
    if hidden or changefeed_id not in capture.maintainers:
        raise errors.maintainer_not_found(changefeed_id)
    return changefeed


def tables(cluster, capture, request, changefeed_id):
    with cluster.lock:
        changefeed = _local_maintainer(cluster, capture, request, changefeed_id)
        if _mode(request) not in changefeed.modes:
            return Response(500)  # a recovered panic
        return listing(views.tables(cluster, changefeed, _mode(request)))


def dispatcher_count(cluster, capture, request, changefeed_id):
    with cluster.lock:
        changefeed = _local_maintainer(cluster, capture, request, changefeed_id)
        if _mode(request) not in changefeed.modes:
            return Response(500)
        return answer({"count": views.dispatcher_count(changefeed, _mode(request))})


def move_table(cluster, capture, request, changefeed_id):
    """Section 4.4, in a version that knows `wait` and adopts a move that is already running."""
    table_id, wait = _integer(request, "tableID"), _wait(request)
    while True:
        with cluster.lock:
            operator, again = _begin_move_table(cluster, capture, request, changefeed_id, table_id, wait)
        if operator and wait:
            _wait_for(operator)
        if not again:
            return answer({})


def _begin_move_table(cluster, capture, request, changefeed_id, table_id, wait):
    """The operator to wait for, if any, and whether the request must then start over."""
    changefeed, mode = _local_maintainer(cluster, capture, request, changefeed_id), _mode(request)
    if mode not in changefeed.modes:
        return None, False
    span = changefeed.spans.get((table_id, mode)) if changefeed.bootstrapped else None
    if not span and table_id != 0:
        raise errors.table_not_found(table_id)
    if table_id == 0:
        raise ApiError("CDC:ErrTableNotSupportMove", "table is not supported to move%!(EXTRA string=tableID, int64=0)")
    destination = _destination(cluster, request)
    running = cluster.span_operators.get(span.key)
    if not running:
        return (None if span.node == destination.id else cluster.move_span(changefeed, span, destination)), False
    if running.kind == "add" and not wait:
        raise errors.operator_is_nil("add operator is running")
    return running, running.kind == "add"


def move_maintainer(cluster, capture, request, changefeed_id):
    """Family M only: shaped like move_table, carried out by the coordinator."""
    authenticate(cluster, capture, request)
    wait = _wait(request)
    with cluster.lock:
        _initialized(capture)
        changefeed = find_changefeed(cluster, request, changefeed_id)
        destination = _destination(cluster, request)
        running = cluster.maintainer_operators.get(changefeed_id)
        if running or not changefeed.running():
            raise errors.operator_is_nil("the changefeed is stopped or has an operator")
        operator = None if changefeed.maintainer == destination.id else cluster.move_maintainer(changefeed, destination)
    if operator and wait:
        _wait_for(operator)
    return answer({})


def _destination(cluster, request):
    capture_id = request.query.get("targetNodeID", "")
    destination = cluster.registered(capture_id)
    if not destination:
        raise errors.node_not_found(capture_id)
    return destination


def _wait_for(operator):
    """Every 2 s, up to 30 times. Over is over: it does not look at how the operator ended."""
    for _ in range(_WAIT_POLLS):
        if operator.finished:
            return
        time.sleep(_WAIT_POLL_SECONDS)
    if not operator.finished:
        raise ApiError("CDC:ErrTimeout", "timeout%!(EXTRA string=move is not finished)")


def _integer(request, name):
    given = request.query.get(name, "")
    try:
        return int(given)
    except ValueError:
        raise ApiError("", f'strconv.ParseInt: parsing "{given}": invalid syntax') from None


def _wait(request):
    given = request.query.get("wait", "true")
    if given not in _GO_BOOL:
        raise ApiError("", f'strconv.ParseBool: parsing "{given}": invalid syntax')
    return _GO_BOOL[given]


def processors_v1(cluster, capture, request):
    return answer([])


def processors_v2(cluster, capture, request):
    return listing([])


def processor(cluster, capture, request, changefeed_id, capture_id):
    return answer({"table_ids": None})


def process_metrics(cluster, capture, request):
    with cluster.lock:
        fault = cluster.faults.take("metrics_fail", capture)
        if fault:
            return Response(fault.get("status", 500), b"An error has occurred while serving metrics", "text/plain; charset=utf-8")
        return Response(200, metrics.render(cluster, capture), "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")


def config(cluster, capture, request):
    with cluster.lock:
        return answer(views.server_config(cluster, capture), indent=4)
