"""The /sim/ API, by which tests steer and question kube-sim. No authentication, not subject to faults and outages.

    POST   /sim/fault          a rule (see faults.py): {"verb", "resource", "subresource", "name", "userAgent", "token",
                               "action", "status", "message", "retryAfter", "delayMs", "count"}
    GET    /sim/fault          the rules, each with its "hits";  DELETE /sim/fault clears them and lets hung requests go
    POST   /sim/outage         {"ms": 5000, "how": "refuse"|"hang"}; running watches are reset; {"ms": 0} ends it
    POST   /sim/drop-watches   {"resource": "pods", "how": "close"|"expired-event"|"reset"} -> {"dropped": n}
    POST   /sim/compact        every version handed out so far is too old from now on
    POST   /sim/watches        {"bookmarkSeconds": 60, "tooOld": "status"|"event"};  GET lists the running watches
    GET    /sim/requests       counts by verb, resource, subresource and userAgent
    POST   /sim/tokens         {"tokens": [...]}: the accepted bearer tokens; none means no authentication
    POST   /sim/reviews        {"tokens": {TOKEN: TokenReview status}, "users": {USER: SubjectAccessReview status}}; "*": any
    GET    /sim/reviews        the reviews asked for lately
    GET    /sim/timeline       [{"t": unix ms, "pod", "uid", "container", "event", "code"?, "output"?, "grace"?, "signal"?}]
    GET    /sim/pods/NS/POD    {"uid", "ip", "terminating", "containers": {NAME: {"pid", "hookPid", "restartCount"}}}
    POST   /sim/pods/NS/POD/CONTAINER/kill            {"signal": 9, "reason": "OOMKilled"}
    POST   /sim/pods/NS/POD/CONTAINER/liveness-kill
    POST   /sim/pods/NS/POD/CONTAINER/restart         start an ended container although its pod terminates

Timeline events: created started exited oom killed prestop-begin prestop-end sigterm sigkill liveness-kill delete-requested removed recreated.
"""

import threading

from .api import decode
from .errors import ApiError


def answer(sim, method, path, body):
    """(HTTP status, object) for a request under /sim/."""
    parts = path.strip("/").split("/")[1:]
    request = decode(body) if body else {}
    if parts[0] == "pods" and len(parts) in (3, 4, 5):
        return 200, _pods(sim, method, parts[1:], request)
    handler = _HANDLERS.get((method, "/".join(parts)))
    if handler is None:
        raise ApiError(404, f"kube-sim has no {method} {path}")
    try:
        return 200, handler(sim, request)
    except (ValueError, TypeError, KeyError) as error:
        raise ApiError(400, f"{type(error).__name__}: {error}") from None


def _one_of(request, key, *choices):
    """request[key], or the first choice if absent."""
    value = request.get(key, choices[0])
    if value not in choices:
        raise ValueError(f"{key} must be one of {', '.join(choices)}")
    return value


def _add_fault(sim, request):
    sim.faults.add(request)
    return {}


def _clear_faults(sim, _request):
    sim.faults.clear()
    return {}


def _outage(sim, request):
    sim.faults.begin_outage(request["ms"] / 1000, _one_of(request, "how", "refuse", "hang"))
    return {"dropped": sim.watches.cut("reset") if request["ms"] else 0}


def _drop_watches(sim, request):
    return {"dropped": sim.watches.cut(_one_of(request, "how", "close", "expired-event", "reset"), request.get("resource"))}


def _compact(sim, _request):
    sim.store.compact()
    return {"resourceVersion": str(sim.store.version)}


def _set_watches(sim, request):
    sim.watches.bookmark_seconds = float(request.get("bookmarkSeconds", sim.watches.bookmark_seconds))
    sim.watches.too_old = _one_of({"tooOld": sim.watches.too_old, **request}, "tooOld", "status", "event")
    return {}


def _running_watches(sim, _request):
    return [{"resource": watch.resource.plural, "namespace": watch.namespace, "userAgent": watch.user_agent,
             "startedAt": int(watch.started * 1000)} for watch in sim.watches.running()]


def _set_tokens(sim, request):
    sim.tokens = frozenset(request["tokens"])
    return {}


def _set_reviews(sim, request):
    sim.reviews.set(request.get("tokens", {}), request.get("users", {}))
    return {}


_HANDLERS = {
    ("POST", "fault"): _add_fault,
    ("DELETE", "fault"): _clear_faults,
    ("GET", "fault"): lambda sim, _: sim.faults.describe(),
    ("POST", "outage"): _outage,
    ("POST", "drop-watches"): _drop_watches,
    ("POST", "compact"): _compact,
    ("POST", "watches"): _set_watches,
    ("GET", "watches"): _running_watches,
    ("GET", "requests"): lambda sim, _: sim.faults.requests(),
    ("POST", "tokens"): _set_tokens,
    ("POST", "reviews"): _set_reviews,
    ("GET", "reviews"): lambda sim, _: sim.reviews.asked(),
    ("GET", "timeline"): lambda sim, _: sim.timeline.entries(),
}


def _pods(sim, method, parts, request):
    pod = sim.kubelet.find(*parts[:2])
    if pod is None:
        raise ApiError(404, f"no pod {parts[0]}/{parts[1]} is running")
    if len(parts) == 2 and method == "GET":
        return pod.describe()
    container = next((c for c in pod.inits + pod.mains if c.name == parts[2]), None) if len(parts) == 4 else None
    if container is None or method != "POST" or parts[3] not in ("kill", "liveness-kill", "restart"):
        raise ApiError(404, "no such container or operation")
    if parts[3] == "liveness-kill":
        threading.Thread(target=container.liveness_kill, daemon=True).start()
    elif parts[3] == "kill" and not container.kill(request.get("signal", 9), request.get("reason")):
        raise ApiError(409, "the container is not running")
    elif parts[3] == "restart" and not (pod.terminating() and container.restart_while_terminating()):
        raise ApiError(409, "the pod is not terminating, or the container is running")
    return {}
