"""The cdc container of a pod: it holds the listening socket and relays each connection to the central process, byte for byte.

Claims: the socket lives and dies with this process. SIGTERM closes it at once and then waits for the central process, which says when to
exit and with which code (section 10); a second signal forces. With a certificate the port speaks TLS and nothing else, its files are read
again for each connection, and with a client CA it asks for the client's certificate (section 8). It knows nothing of TiCDC itself.
"""

import json
import os
import select
import selectors
import signal
import socket
import ssl
import struct
import sys
import threading

from .gateway import listen

_CHUNK = 64 * 1024


class _Relay:
    def __init__(self, control, address, advertise, tls):
        self._tls = tls
        self._control_address = control
        self._listener = listen(address)
        self._session = socket.create_connection(control)
        self._session.sendall(b"TICDC-SIM " + json.dumps({"capture": advertise}).encode() + b"\n")
        self._replies = self._session.makefile("r")
        hello = json.loads(self._replies.readline())
        self._token = hello["token"]
        self._wakeup, wakeup_end = socket.socketpair()
        wakeup_end.setblocking(False)
        self._wakeup_end = wakeup_end
        signal.set_wakeup_fd(wakeup_end.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, lambda *args: None)
        print(f"ticdc-sim capture {hello['id']} {advertise}", flush=True)

    def run(self):
        """Returns the exit code."""
        selector = selectors.DefaultSelector()
        for sock in (self._listener, self._session, self._wakeup):
            selector.register(sock, selectors.EVENT_READ)
        stopping = False
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if self._wakeup in ready:
                self._wakeup.recv(16)
                if stopping:
                    return 1
                stopping = True
                selector.unregister(self._listener)
                self._listener.close()
                self._session.sendall(b"stopping\n")
            elif self._listener in ready:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()
            if self._session in ready:
                order = json.loads(self._replies.readline() or '{"exit": 1}')
                if order.get("die"):
                    os.kill(os.getpid(), signal.SIGKILL)
                return order["exit"]

    def _relay(self, client):
        try:
            if self._tls:
                client = _server_context(*self._tls).wrap_socket(client, server_side=True)
            central = socket.create_connection(self._control_address)
            central.sendall(b"TICDC-SIM " + json.dumps({"connection": self._token}).encode() + b"\n")
        except OSError:
            client.close()
            return
        for sock in (client, central):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            _pump_tls(client, central)
        else:
            upstream = threading.Thread(target=_pump, args=(client, central), daemon=True)
            upstream.start()
            _pump(central, client)
            upstream.join()
        client.close()
        central.close()


def _server_context(certificate, key, client_ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _pump_tls(client, central):
    """Both directions in one thread, because a TLS connection may not be read and written at once."""
    try:
        while True:
            ready = [client] if client.pending() else select.select([client, central], [], [])[0]
            for source, sink in ((client, central), (central, client)):
                if source in ready:
                    data = source.recv(_CHUNK)
                    if not data:
                        return
                    sink.sendall(data)
    except OSError:
        pass  # the other side is gone


def _pump(source, sink):
    """One direction, until its end; an end is passed on as an end and a reset as a reset."""
    try:
        while data := source.recv(_CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, sink):
            _reset(sock)


def _reset(sock):
    """Its close will send a reset; until then, wake the thread that reads from it."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass  # it was closed already


def main(control, address, advertise, tls):
    code = _Relay(control, address, advertise, tls).run()
    sys.stdout.flush()
    os._exit(code)  # connections may still be relayed by threads; they end with the process, as in a container
