"""The two commands: `cluster`, the central process, and `capture`, the cdc container of one pod. See the package's docstring."""

import argparse
import os
import signal
import threading

from . import gateway, relay
from .cluster import Cluster
from .families import FAMILIES, Durations


def _address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def _arguments():
    parser = argparse.ArgumentParser(prog="ticdc_sim")
    commands = parser.add_subparsers(dest="command", required=True)
    cluster = commands.add_parser("cluster", help="the central process: model, timing, control API")
    cluster.add_argument("--family", choices=sorted(FAMILIES), required=True)
    cluster.add_argument("--control", type=_address, default=("127.0.0.1", 0))
    cluster.add_argument("--changefeeds", type=int, default=30)
    cluster.add_argument("--tables", type=int, default=600, help="in all")
    cluster.add_argument("--redo", type=int, default=0, help="the first so many changefeeds have redo enabled")
    cluster.add_argument("--keyspaces", help="a,b,...: a next-generation kernel, its changefeeds spread over these (3.4)")
    cluster.add_argument("--seed", type=int, default=1)
    cluster.add_argument("--captures", type=int, default=0, help="start so many captures inside this process")
    cluster.add_argument("--expect", type=int, help="place the work when so many captures are registered (default 3)")
    cluster.add_argument("--move-ms", type=int, default=Durations.move_ms)
    cluster.add_argument("--ttl-ms", type=int, default=Durations.ttl_ms)
    cluster.add_argument("--stop-ms", type=int, default=Durations.stop_ms)
    cluster.add_argument("--bootstrap-ms", type=int, default=Durations.bootstrap_ms, help="of a new coordinator")
    capture = commands.add_parser("capture", help="the cdc container of one pod")
    capture.add_argument("--control", type=_address, required=True)
    capture.add_argument("--listen", type=_address, required=True)
    capture.add_argument("--advertise", help="default: the address listened on")
    capture.add_argument("--tls-cert", help="with --tls-key: the port speaks TLS")
    capture.add_argument("--tls-key")
    capture.add_argument("--tls-client-ca", help="clients must have a certificate of this authority")
    return parser.parse_args()


def _run_cluster(args):
    durations = Durations(move_ms=args.move_ms, ttl_ms=args.ttl_ms, stop_ms=args.stop_ms, bootstrap_ms=args.bootstrap_ms)
    cluster = Cluster(FAMILIES[args.family], durations, args.expect or args.captures or 3, args.seed)
    cluster.keyspaces = args.keyspaces.split(",") if args.keyspaces else []
    for index in range(args.changefeeds):
        tables = args.tables // args.changefeeds + (index < args.tables % args.changefeeds)
        keyspaces = cluster.keyspaces or ["default"]
        cluster.add_changefeed(f"changefeed-{index:03d}", tables, redo=index < args.redo, keyspace=keyspaces[index % len(keyspaces)])
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    listener = gateway.listen(args.control)
    for _ in range(args.captures):
        gateway.start_local_capture(cluster)
    gateway.spawn(cluster.run)
    gateway.spawn(gateway.accept_forever, listener, gateway.serve_control, cluster)
    print("ticdc-sim control %s:%d" % listener.getsockname()[:2], flush=True)
    done.wait()
    os._exit(0)  # the threads hold nothing that must be saved


def main():
    args = _arguments()
    if args.command == "cluster":
        _run_cluster(args)
    else:
        tls = (args.tls_cert, args.tls_key, args.tls_client_ca) if args.tls_cert else None
        relay.main(args.control, args.listen, args.advertise or "%s:%d" % args.listen, tls)


main()
