"""Sockets, HTTP/1.1 and TLS, and the order of things for one request: outage, authentication, fault, answer.

Claims: keep-alive, chunked watch streams with one event per chunk, flushed at once; bodies over 3 MiB are 413. Leaves out HTTP/2, chunked
request bodies (411), compression, client certificates.
"""

import json
import os
import select
import socket
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from . import api, control
from .errors import ApiError
from .watch import Watch

BODY_MAX = 3 * 1024 * 1024
_DISCARD_MAX = 64 * 1024 * 1024  # of a refused body, so that the client gets to read the answer
_GARBAGE = b"<html><body>upstream connect error</body></html>"
_POLL_SECONDS = 0.1


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address, sim, tls):
        self.sim = sim
        self._tls = tls
        super().__init__(address, Handler)

    def finish_request(self, request, client_address):
        """In the connection's own thread, so that a slow handshake holds up nobody."""
        if self._tls:
            request.settimeout(10)
            request = self._tls.wrap_socket(request, server_side=True)
            request.settimeout(None)
            try:
                super().finish_request(request, client_address)
            finally:
                request.close()
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # clients may vanish at any time; anything else is a bug
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "kube-sim"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def do_GET(self):
        sim, url = self.server.sim, urlsplit(self.path)
        try:
            body = self._read_body()
            if url.path.startswith("/sim/"):
                code, obj = control.answer(sim, self.command, url.path, body)
                self._send_object(code, obj)
            else:
                self._serve_api(sim, url, body)
        except ApiError as error:
            self._send_error(error)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, *_):
        pass

    def handle_expect_100(self):
        super().handle_expect_100()
        self.wfile.flush()
        return True

    # ---- one API request ----

    def _serve_api(self, sim, url, body):
        outage = sim.faults.outage()
        if outage:
            self._suffer_outage(*outage)
            return
        call = api.parse_call(self.command, url.path, url.query)
        target = call.target
        agent, authorization = self.headers.get("User-Agent", ""), self.headers.get("Authorization", "")
        token = authorization.removeprefix("Bearer ") if authorization.startswith("Bearer ") else ""
        facts = {"verb": call.verb, "resource": target.resource.plural, "subresource": target.subresource, "name": target.name,
                 "userAgent": agent, "token": token}
        sim.faults.count(facts)
        if sim.tokens and token not in sim.tokens:
            raise ApiError(401, "Unauthorized")
        rule = sim.faults.match(facts)
        if rule and rule.action == "delay":
            time.sleep(rule.spec.get("delayMs", 1000) / 1000)
        elif rule and rule.action != "truncate":
            self._fail(rule)
            return
        content_type = self.headers.get("Content-Type", "").partition(";")[0].strip()
        code, answer = api.answer(sim, call, body, content_type, agent)
        truncate = bool(rule) and rule.action == "truncate"
        if isinstance(answer, Watch):
            self._stream(sim, answer, truncate)
        else:
            self._send_object(code, answer, truncate)

    def _suffer_outage(self, seconds, how):
        end = time.monotonic() + seconds
        while how == "hang" and time.monotonic() < end and not self._client_gone():
            time.sleep(_POLL_SECONDS)
        self._reset()

    def _fail(self, rule):
        """Every action that keeps the request from being done."""
        if rule.action == "status":
            code = rule.spec["status"]
            raise ApiError(code, rule.spec.get("message", f"kube-sim: injected {code}"), retry_after=rule.spec.get("retryAfter"))
        if rule.action == "garbage":
            self._send(200, _GARBAGE)
            return
        while rule.action == "hang" and not rule.cleared.wait(_POLL_SECONDS) and not self._client_gone():
            pass
        self.close_connection = True

    def _stream(self, sim, watch, truncate):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        sim.watches.add(watch)
        try:
            for event in watch.events(self._client_gone):
                line = _encode(event) + b"\n"
                if truncate:
                    self._write_chunk(line[:len(line) // 2])
                    self.close_connection = True
                    return
                self._write_chunk(line)
        finally:
            sim.watches.remove(watch)
        if watch.cut == "reset":
            self._reset()
        else:
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
            self.close_connection |= watch.cut is not None

    # ---- bytes ----

    def _read_body(self):
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(411, "kube-sim needs a Content-Length")
        length = int(self.headers.get("Content-Length", "0"))
        if length > BODY_MAX:
            left = min(length, _DISCARD_MAX)
            while left and (part := self.rfile.read(min(left, 65536))):
                left -= len(part)
            self.close_connection = True
            raise ApiError(413, f"Request entity too large: limit is {BODY_MAX}")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError("body ended early")
        return body

    def _send_error(self, error):
        headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        self._send(error.code, _encode(error.status()), headers)

    def _send_object(self, code, obj, truncate=False):
        data = _encode(obj)
        if truncate:
            self.close_connection = True
            self._send(code, data[:len(data) // 2], announced=len(data))
        else:
            self._send(code, data)

    def _send(self, code, data, headers=None, announced=None):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(announced or len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _write_chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _client_gone(self):
        """A client that waits for an answer has nothing to say but goodbye: bytes or end of file both mean that it left."""
        return bool(select.select([self.connection], [], [], 0)[0])

    def _reset(self):
        """End the connection by a TCP reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True


def _encode(obj):
    return json.dumps(obj, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
