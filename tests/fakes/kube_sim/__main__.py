"""Command line of kube-sim: `python3 -m kube_sim --listen 127.0.0.1:0`. Runs until SIGTERM or SIGINT, then kills all containers."""

import argparse
import os
import signal
import ssl
import sys
import threading

from .faults import Faults
from .garbage import GarbageCollector
from .kubelet import Kubelet
from .processes import Processes
from .reviews import Reviews
from .server import Server
from .store import Store
from .timeline import Timeline
from .watch import Watches


class Sim:
    """Everything a request may need."""

    def __init__(self, history, tokens):
        self.store = Store(history)
        self.watches = Watches(self.store)
        self.faults = Faults()
        self.reviews = Reviews()
        self.timeline = Timeline()
        self.tokens = frozenset(tokens)
        self.kubelet = None  # set once the port is known, which containers are told


def parse_arguments():
    parser = argparse.ArgumentParser(prog="kube_sim", description="An embedded stand-in for the Kubernetes API and kubelet.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--token", action="append", default=[], help="an accepted bearer token; repeatable; none: no authentication")
    parser.add_argument("--tls-cert", metavar="FILE")
    parser.add_argument("--tls-key", metavar="FILE")
    parser.add_argument("--log-dir", metavar="DIR", help="output of each container goes to DIR/POD.CONTAINER.log")
    parser.add_argument("--history", type=int, default=1000, metavar="N", help="changes kept for watches")
    parser.add_argument("--pod-ip-base", default="127.0.1.0", metavar="IP", help="the first pod gets the next address")
    return parser.parse_args()


def tls_context(arguments):
    if not arguments.tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    return context


def main():
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    arguments = parse_arguments()
    if arguments.log_dir:
        os.makedirs(arguments.log_dir, exist_ok=True)
    host, port = arguments.listen.rsplit(":", 1)
    sim, processes, tls = Sim(arguments.history, arguments.token), Processes(), tls_context(arguments)
    server = Server((host, int(port)), sim, tls)
    sim.kubelet = Kubelet(sim.store, sim.timeline, processes, arguments.log_dir, arguments.pod_ip_base, server.server_port)
    sim.kubelet.start()
    GarbageCollector(sim.store).start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"kube-sim listening on {'https' if tls else 'http'}://{host}:{server.server_port}", flush=True)
    stop.wait()
    processes.close()
    sys.stderr.flush()
    os._exit(0)  # the threads left only wait for sockets and processes


main()
