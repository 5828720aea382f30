"""The way of a request through the captures: faults, route table, owner forwarding (2.2, 2.3), maintainer routing with the Host trap (4.1).

Claims: no capture opens a connection to another one here; a forward is a call, which fails as the connection would. A route is answered
by the process itself ("self"), by the coordinator ("owner") or by the maintainer's process ("maintainer").
"""

import json
import re
import time
from dataclasses import dataclass, replace

from . import classic_endpoints, endpoints, errors
from .endpoints import Response
from .errors import ApiError, BindError

_FORWARDS_MAX = 2


@dataclass(frozen=True)
class Request:
    method: str
    target: str  # path and query as sent
    path: str
    query: dict
    headers: dict  # lower-case names
    body: bytes = b""

    @property
    def forwards(self):
        given = self.headers.get("ticdc-forwardtimes", "0")
        return int(given) if given.isdigit() else 0

    def forwarded(self, sender, host):
        headers = {**self.headers, "host": host, "ticdc-forwardfrom": sender.id, "ticdc-forwardtimes": str(self.forwards + 1)}
        return replace(self, headers=headers)


def _routes():
    table = [
        ("GET", "/status", "self", endpoints.status),
        ("GET", "/metrics", "self", endpoints.process_metrics),
        ("GET", "/config", "self", endpoints.config),
        ("GET", "/api/v1/captures", "owner", endpoints.captures_v1),
        ("GET", "/api/v2/captures", "owner", endpoints.captures_v2),
        ("GET", "/api/v1/changefeeds", "owner", endpoints.changefeeds_v1),
        ("GET", "/api/v2/changefeeds", "owner", endpoints.changefeeds_v2),
        ("GET", "/api/v2/changefeeds/:id", "owner", endpoints.changefeed),
        ("GET", "/api/v2/changefeeds/:id/tables", "maintainer", endpoints.tables),
        ("GET", "/api/v2/changefeeds/:id/get_dispatcher_count", "maintainer", endpoints.dispatcher_count),
        ("POST", "/api/v2/changefeeds/:id/move_table", "maintainer", endpoints.move_table),
        ("POST", "/api/v2/changefeeds/:id/move_maintainer", "owner", endpoints.move_maintainer),
        ("PUT", "/api/v1/captures/drain", "owner", endpoints.drain),
        ("GET", "/api/v1/processors", "owner", endpoints.processors_v1),
        ("GET", "/api/v2/processors", "self", endpoints.processors_v2),
        ("GET", "/api/v2/processors/:id/:id", "self", endpoints.processor),
    ]
    for version in ("v1", "v2"):
        table.append(("GET", f"/api/{version}/status", "self", endpoints.status))
        table.append(("GET", f"/api/{version}/health", "owner", endpoints.health))
        table.append(("POST", f"/api/{version}/owner/resign", "owner", endpoints.resign))
    return table


def _compiled(table):
    return [(method, path, re.compile(path.replace(":id", "([^/]+)")), place, handler) for method, path, place, handler in table]


_ROUTES = _compiled(_routes())
_CLASSIC_ROUTES = _compiled(classic_endpoints.routes())


def match(cluster, request):
    """(name, place, handler, path arguments), or None for an unknown route."""
    for method, path, pattern, place, handler in _CLASSIC_ROUTES if cluster.family.classic else _ROUTES:
        found = pattern.fullmatch(request.path)
        if found and method == request.method and (handler is not endpoints.move_maintainer or cluster.family.moves_maintainers):
            return f"{method} {path}", place, handler, found.groups()
    return None


def serve(cluster, capture, request):
    """What this capture answers. Blocks for as long as it would; takes the lock only in small pieces."""
    fault = _fault(cluster, capture, request)
    if fault:
        return fault
    try:
        found = match(cluster, request)
        if not found:
            return Response(404, b"404 page not found", "text/plain")
        _, place, handler, arguments = found
        if place == "owner" and not capture.coordinator:
            return _to_owner(cluster, capture, request)
        if place == "maintainer":
            if request.method == "POST":
                endpoints.authenticate(cluster, capture, request)
            address = _maintainer_address(cluster, capture, request, arguments[0])
            if address != capture.address:
                return _forward(cluster, capture, request, address)
        return handler(cluster, capture, request, *arguments)
    except ApiError as error:
        kind = "text/plain; charset=utf-8" if isinstance(error, BindError) else "application/json; charset=utf-8"
        return Response(error.status, error.body(), kind)


def _to_owner(cluster, capture, request):
    with cluster.lock:
        leader_id = cluster.election.leader_id()
        leader = cluster.registered(leader_id)
    if not leader_id:
        raise ApiError("", "election: no leader")
    if not leader:
        raise ApiError("CDC:ErrOwnerNotFound", "owner not found")
    return _forward(cluster, capture, request, leader.address)


def _forward(cluster, capture, request, address):
    if request.forwards > _FORWARDS_MAX:
        raise errors.cluster_unavailable()
    return _call(cluster, address, request.forwarded(capture, address))


def _call(cluster, address, request):
    with cluster.lock:
        peer = cluster.by_address(address)
    if not peer:
        raise errors.dial_error(request.method, address, request.target)
    response = serve(cluster, peer, request)
    if response.action == "reset":
        raise ApiError("", f'{request.method.title()} "http://{address}{request.target}": EOF')
    return response


def _maintainer_address(cluster, capture, request, changefeed_id):
    """The process fetches the detail from itself, at the address in the Host header; an error there decodes to an empty detail."""
    path = f"/api/v2/changefeeds/{changefeed_id}"
    itself = Request("GET", path, path, request.query, {"host": request.headers.get("host", "")})
    endpoints.check_name(changefeed_id)
    response = _call(cluster, request.headers.get("host", ""), itself)
    try:
        address = json.loads(response.body).get("maintainer_addr", "")
    except (ValueError, AttributeError):
        address = ""
    if not address:
        raise errors.no_maintainer(changefeed_id)
    return address


def _fault(cluster, capture, request):
    with cluster.lock:
        fault = cluster.faults.take_http(capture, request.method, request.path)
    if not fault:
        return None
    action, delay_seconds = fault["action"], fault.get("delay_ms", 1000) / 1000
    status = fault.get("status", 500 if action == "status" else 200)
    if action == "slow":
        time.sleep(delay_seconds)
        return None
    if action == "status":
        default = ApiError("CDC:ErrUnknown", "injected", status).body()
        return Response(status, fault["body"].encode() if "body" in fault else default, "application/json; charset=utf-8")
    if action == "garbage":
        return Response(status, b"<html><body>upstream connect error</body></html>", "text/html")
    if action == "empty":
        return Response(status)
    return Response(status, b'{"total":3,"items":[{"id":"', "application/json; charset=utf-8", action, fault)
