"""One TCP connection to a capture: HTTP/1.1 with keep-alive, in its own thread, including what a fault does to a connection.

Claims: an idle first request is dropped after 10 s, like upstream's protocol sniffing; a dead process answers nothing. No TLS, no HTTP/2.
"""

import select
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from . import routes

_FIRST_BYTE_SECONDS = 10
_IDLE_SECONDS = 600
_TRUNCATED_BYTES = 64


def serve_connection(sock, cluster, capture):
    """Until the peer leaves, the process dies, or a fault ends it. Closes the socket."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(_FIRST_BYTE_SECONDS)
    try:
        _Handler(sock, cluster, capture)
    except (OSError, ValueError):
        pass  # the other side is gone, which is its right
    finally:
        sock.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024

    def __init__(self, sock, cluster, capture):
        self._cluster = cluster
        self._capture = capture
        super().__init__(sock, None, None)

    def _answer(self):
        self.connection.settimeout(_IDLE_SECONDS)
        request = self._read()
        if not self._capture.serving():
            self.close_connection = True
            return
        found = routes.match(self._cluster, request)
        with self._cluster.lock:
            self._cluster.judge.request(self._capture.address, found[0] if found else "other")
        response = routes.serve(self._cluster, self._capture, request)
        if response.action == "hang":
            self._hang(response.fault)
        elif response.action == "reset":
            self._reset()
        elif self._capture.serving():
            self._send(response)
        else:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _answer

    def _read(self):
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return routes.Request(self.command, self.path, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers,
                              self.rfile.read(length))

    def _send(self, response):
        truncated = response.action == "truncate"
        self.send_response_only(response.status)
        if response.content_type:
            self.send_header("Content-Type", response.content_type)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Length", str(len(response.body) + (_TRUNCATED_BYTES if truncated else 0)))
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()
        self.close_connection |= truncated

    def _hang(self, fault):
        """No answer, until the client leaves, the fault is cleared or its delay_ms has passed; then the connection closes."""
        self.close_connection = True
        end = time.monotonic() + fault.get("delay_ms", 3600000) / 1000
        while time.monotonic() < end and self._cluster.faults.active(fault) and self._capture.serving():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
                time.sleep(0.1)

    def _reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, *args):
        """Requests are counted by the judge; nothing is printed."""
