"""What the endpoints of family C answer that differ from the new architecture (sections 1 to 3, 5, 6.1, 8)."""

import json

from . import endpoints, errors, views
from .endpoints import Response, answer
from .errors import ApiError

_TEXT = "text/plain; charset=utf-8"


def owner_of(capture):
    return endpoints.coordinator_of(capture).classic


def status(cluster, capture, request):
    """/status lacks what /api/v1/status and /api/v2/status have."""
    with cluster.lock:
        whole = views.status(cluster, capture)
        if request.path.startswith("/api/"):
            if cluster.faults.find("not_ready", capture):
                raise ApiError("CDC:ErrServerIsNotReady", "cdc server is not ready", 503)
            return answer(whole, indent=4)
        return answer({key: value for key, value in whole.items() if key not in ("cluster_id", "liveness")}, indent=1)


def health(cluster, capture, request):
    with cluster.lock:
        owner = owner_of(capture)
        normal = any(changefeed.state == "normal" for changefeed in owner.changefeeds())
        if not owner.ticks() or not owner.changefeeds() or (normal and not owner.initialized()):
            if cluster.changefeeds or not owner.ticks():
                raise ApiError("CDC:ErrClusterIsUnhealthy", "TiCDC cluster is unhealthy")
        return Response() if request.path.startswith("/api/v1/") else answer({})


def _listed(cluster, capture, request):
    state, namespace = request.query.get("state"), request.query.get("namespace", "default")
    known = owner_of(capture).changefeeds() if namespace == "default" else []
    return [views.classic_item(cf) for cf in known if views.wanted(cf.state, state)]


def changefeeds_v1(cluster, capture, request):
    with cluster.lock:
        return answer(_listed(cluster, capture, request))


def changefeeds_v2(cluster, capture, request):
    with cluster.lock:
        return endpoints.listing(_listed(cluster, capture, request))


def _find(cluster, capture, request, changefeed_id):
    endpoints.check_name(changefeed_id)
    changefeed = cluster.changefeeds.get(changefeed_id)
    if changefeed not in owner_of(capture).changefeeds() or request.query.get("namespace", "default") != "default":
        raise errors.changefeed_not_exists(changefeed_id)
    return changefeed


def changefeed(cluster, capture, request, changefeed_id):
    with cluster.lock:
        found = _find(cluster, capture, request, changefeed_id)
        return answer(views.classic_changefeed(cluster, found, owner_of(capture).initialized()))


def _processors(cluster, capture):
    owner = owner_of(capture)
    return [{"namespace": "default", "changefeed_id": changefeed.id, "capture_id": member.id}
            for changefeed in owner.changefeeds() if owner.initialized() and changefeed.state != "stopped"
            for member in cluster.members()]


def processors_v1(cluster, capture, request):
    with cluster.lock:
        return answer(_processors(cluster, capture))


def processors_v2(cluster, capture, request):
    with cluster.lock:
        return endpoints.listing(_processors(cluster, capture))


def processor(cluster, capture, request, changefeed_id, capture_id):
    with cluster.lock:
        changefeed = _find(cluster, capture, request, changefeed_id)
        if changefeed.state not in ("normal", "warning"):
            raise ApiError("CDC:ErrAPIInvalidParam", f"invalid api parameter: changefeed in abnormal state: {changefeed.state}")
        member = cluster.registered(capture_id)
        if not member:
            raise errors.capture_not_exist(capture_id)
        known = owner_of(capture).initialized()
        return answer({"table_ids": views.tables_of(changefeed, member) if known else None})


def drain(cluster, capture, request, *path):
    """v1 has the capture in its body, v2 in its path."""
    target_id = path[0] if path else endpoints.drain_target(request.body)
    with cluster.lock:
        owner = owner_of(capture)
        if len(cluster.members()) <= 1:
            raise ApiError("CDC:ErrSchedulerRequestFailed", "scheduler request failed, only one capture alive")
        target = cluster.registered(target_id)
        if not target:
            raise errors.capture_not_exist(target_id)
        if target is capture:
            raise ApiError("CDC:ErrSchedulerRequestFailed", "scheduler request failed, cannot drain the owner")
        if cluster.faults.take("scheduler_error", capture):
            refused = ApiError("CDC:ErrVersionIncompatible", "TiKV version check failed", 503)
            return Response(503, refused.body(), _TEXT)
        count = 0 if cluster.faults.take("early_zero", capture) else owner.drain(target)
        missing = cluster.faults.take("missing_field", capture)
        cluster.judge.event("drain_answer", coordinator=capture.id, target=target_id, count=None if missing else count,
                            truth=target.truth(cluster.now()))
        return answer({} if missing else {"current_table_count": count}, 202)


def move_table(cluster, capture, request, changefeed_id):
    endpoints.authenticate(cluster, capture, request)
    try:
        body = json.loads(request.body)
        table_id, capture_id = int(body["table_id"]), str(body["capture_id"])
    except (ValueError, KeyError, TypeError):
        raise ApiError("CDC:ErrAPIInvalidParam", "invalid api parameter: cannot bind the body") from None
    with cluster.lock:
        endpoints.check_name(changefeed_id)
        if cluster.changefeeds.get(changefeed_id) not in owner_of(capture).changefeeds():
            raise errors.changefeed_not_exists(changefeed_id)
        owner_of(capture).wish(cluster.changefeeds[changefeed_id], table_id, capture_id)
        return Response(202)


def resign(cluster, capture, request):
    response = endpoints.resign(cluster, capture, request)
    return Response(202) if request.path.startswith("/api/v1/") else response


def routes():
    """(method, path, place, handler). Everything is the owner's but status, metrics and config."""
    table = [
        ("GET", "/status", "self", status),
        ("GET", "/metrics", "self", endpoints.process_metrics),
        ("GET", "/config", "self", endpoints.config),
        ("GET", "/api/v1/captures", "owner", endpoints.captures_v1),
        ("GET", "/api/v2/captures", "owner", endpoints.captures_v2),
        ("GET", "/api/v1/changefeeds", "owner", changefeeds_v1),
        ("GET", "/api/v2/changefeeds", "owner", changefeeds_v2),
        ("GET", "/api/v2/changefeeds/:id", "owner", changefeed),
        ("POST", "/api/v1/changefeeds/:id/tables/move_table", "owner", move_table),
        ("PUT", "/api/v1/captures/drain", "owner", drain),
        ("POST", "/api/v2/captures/:id/drain", "owner", drain),
        ("GET", "/api/v1/processors", "owner", processors_v1),
        ("GET", "/api/v2/processors", "owner", processors_v2),
        ("GET", "/api/v2/processors/:id/:id", "owner", processor),
    ]
    for version in ("v1", "v2"):
        table.append(("GET", f"/api/{version}/status", "self", status))
        table.append(("GET", f"/api/{version}/health", "owner", health))
        table.append(("POST", f"/api/{version}/owner/resign", "owner", resign))
    return table
