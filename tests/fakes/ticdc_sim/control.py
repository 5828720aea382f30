"""The control API under /sim/: set faults, look at belief and truth, read the judge. For the test harness only; no TiCDC has it.

GET /sim/state, GET /sim/judge, GET|POST|DELETE /sim/fault, POST /sim/changefeed, POST /sim/changefeed/{id}/pause|resume.
"""

import json
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from . import faults, incidents


def serve_connection(sock, cluster):
    _Handler(sock, cluster)


def state(cluster):
    coordinator = cluster.coordinator()
    session = coordinator.native.session if coordinator else None
    absent = _absent(cluster)
    ready = bool(cluster.placed and coordinator and coordinator.bootstrapped and len(cluster.members()) >= cluster.expect
                 and not any(absent.values()) and (cluster.family.classic or all(
                     cluster.replicating(cf) for cf in cluster.changefeeds.values() if cf.running())))
    return {
        "ready": ready, "family": cluster.family.name, "placed": cluster.placed,
        "coordinator": coordinator and {"id": coordinator.capture.id, "address": coordinator.capture.address,
                                        "bootstrapped": coordinator.bootstrapped},
        "session": session and {"target": session.target.id, "epoch": session.epoch, "remaining": coordinator.native.remaining(),
                                "complete": coordinator.native.complete()},
        "clearing": bool(coordinator and coordinator.native.clearing),
        "moving": {"maintainers": len(cluster.maintainer_operators), "dispatchers": len(cluster.span_operators)},
        "absent": absent, "changefeeds": sorted(cluster.changefeeds), "captures": [_capture(cluster, c) for c in cluster.captures],
    }


def _absent(cluster):
    running = [cf for cf in cluster.changefeeds.values() if cf.running()]
    return {"maintainers": 0 if cluster.family.classic else sum(not cf.maintainer for cf in running),
            "dispatchers": sum(not span.node for cf in running for span in cf.spans.values())}


def _capture(cluster, capture):
    spans = sum(span.node == capture.id for cf in cluster.changefeeds.values() for span in cf.spans.values())
    maintainers = sum(cf.maintainer == capture.id for cf in cluster.changefeeds.values())
    return {"id": capture.id, "address": capture.address, "pid": capture.pid, "liveness": capture.liveness,
            "is_owner": bool(capture.coordinator), "registered": capture.registered, "up": capture.up,
            "truth": capture.truth(cluster.now()), "belief": {"maintainers": maintainers, "dispatchers": spans}}


def set_fault(cluster, fault):
    name, enabled = fault.get("name"), fault.get("enabled", True)
    if name not in faults.KNOBS:
        raise ValueError(f"no knob {name!r}; there are {', '.join(sorted(faults.KNOBS))}")
    cluster.judge.event("fault", fault=fault)
    if name in incidents.AT_ONCE:
        incidents.at_once(cluster, fault)
    elif enabled == (name != "basic_placement"):  # the one knob that is on by default, so its fault is to be off
        cluster.faults.add(fault)
    else:
        cluster.faults.remove(name)
    return {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024

    def __init__(self, sock, cluster):
        self._cluster = cluster
        super().__init__(sock, None, None)

    def _answer(self):
        path = urlsplit(self.path).path
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            with self._cluster.lock:
                status, body = 200, json.dumps(self._route(path, json.loads(raw) if raw else {}))
        except LookupError:
            status, body = 404, json.dumps({"error": f"no {self.command} {path}"})
        except ValueError as error:
            status, body = 400, json.dumps({"error": str(error)})
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_DELETE = _answer

    def _route(self, path, body):
        cluster, call = self._cluster, (self.command, path)
        if call == ("GET", "/sim/state"):
            return state(cluster)
        if call == ("GET", "/sim/judge"):
            return cluster.judge.report()
        if call == ("GET", "/sim/fault"):
            return {"faults": cluster.faults.list()}
        if call == ("POST", "/sim/fault"):
            return set_fault(cluster, body)
        if call == ("DELETE", "/sim/fault"):
            return cluster.faults.clear() or {}
        if call == ("POST", "/sim/changefeed"):
            return {"id": cluster.add_changefeed(str(body["name"]), int(body["tables"]), bool(body.get("redo"))).id}
        return self._change(*path.removeprefix("/sim/changefeed/").split("/"))

    def _change(self, changefeed_id, *verb):
        changefeed = self._cluster.changefeeds[changefeed_id]
        {("POST", "pause"): self._cluster.pause, ("POST", "resume"): self._cluster.resume}[(self.command, *verb)](changefeed)
        return {}

    def log_message(self, *args):
        """The judge's timeline is the log."""
