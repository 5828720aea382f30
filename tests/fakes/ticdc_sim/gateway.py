"""The sockets of the central process: one control address for the harness (HTTP) and for capture processes (relay protocol).

The relay protocol: a connection that starts with "TICDC-SIM " and one JSON line. {"capture": address} opens the session of a capture
process: it is answered with its id and token, it sends "stopping", it gets {"exit": code} or {"die": true}; its end is a crash.
{"connection": token} is followed by the bytes of one client connection. Claims nothing about TiCDC.
"""

import json
import socket
import threading

from . import control
from .connection import serve_connection

_PREFACE = b"TICDC-SIM "


def listen(address):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    sock.listen(1024)
    return sock


def spawn(target, *args):
    threading.Thread(target=target, args=args, daemon=True).start()


def accept_forever(listener, serve, *args):
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        spawn(serve, sock, *args)


def start_local_capture(cluster):
    """A capture inside this process, on a free port, for use without pods."""
    listener = listen(("127.0.0.1", 0))
    capture = cluster.start_capture("127.0.0.1:%d" % listener.getsockname()[1], lambda: listener.shutdown(socket.SHUT_RDWR))
    spawn(accept_forever, listener, serve_connection, cluster, capture)


def serve_control(sock, cluster):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if sock.recv(len(_PREFACE), socket.MSG_PEEK | socket.MSG_WAITALL) != _PREFACE:
            control.serve_connection(sock, cluster)
            return
        hello = json.loads(_line(sock)[len(_PREFACE):])
        if "capture" in hello:
            _serve_session(sock, cluster, hello["capture"])
        else:
            _serve_relayed(sock, cluster, hello["connection"])
    except (OSError, ValueError):
        pass  # a process that vanishes is a normal event here
    finally:
        sock.close()


def _serve_session(sock, cluster, address):
    def send(message):
        try:
            sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass  # its end is noticed below
    capture = cluster.start_capture(address, lambda: send({"die": True}))
    try:
        send({"id": capture.id, "token": capture.token})
        while line := _line(sock):
            if line == b"stopping":
                cluster.stop_capture(capture, lambda code: send({"exit": code}))
    finally:
        cluster.lose_capture(capture)


def _serve_relayed(sock, cluster, token):
    with cluster.lock:
        capture = next((c for c in cluster.captures if c.token == token), None)
    if capture:
        serve_connection(sock, cluster, capture)


def _line(sock):
    """Byte by byte, because what follows belongs to somebody else."""
    line = b""
    while (byte := sock.recv(1)) not in (b"", b"\n"):
        line += byte
    return line
