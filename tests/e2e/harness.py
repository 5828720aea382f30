"""A whole cluster of real processes on loopback: kube-sim, ticdc-sim, and three pods, each with a simulated capture, a real
ticdc-drain-sidecar and the real preStop hook. For the demo and the end-to-end tests.

Everything is started below one temporary directory and ends with the Cluster (also after a failure); kube-sim ends its
containers even if it is killed itself. Waiting is done by polling with a deadline, never by a fixed sleep.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from certificates import make_authority, sign

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMESPACE = "tidb"
TOKEN = "demo-token"
DRAINS = f"/apis/drain.ticdc.dev/v1alpha1/namespaces/{NAMESPACE}/drainrequests"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
FINAL = ("Drained", "Released", "Failed", "TimedOut", "Cancelled", "Unsupported")


# Each cluster of this process, and of other processes at the same time, has loopback addresses of its own.
_NETWORKS = (f"127.{os.getpid() % 250 + 2}.{n}.0" for n in itertools.count(1))


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body[:300]}")
        self.status = status


def call(base, method, path, body=None, token=None, timeout=10):
    """One JSON request; raises ApiError on an error status."""
    headers = {"Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise ApiError(error.code, error.read().decode(errors="replace")) from None
    return json.loads(text) if text else None


def wait_for(what, probe, timeout=30.0, interval=0.05):
    """Polls until probe() is truthy and returns that; a TimeoutError that says what was awaited, and what was seen last."""
    deadline = time.monotonic() + timeout
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what}")
        time.sleep(interval)


class Cluster:
    """family: N1, M, C or N0. pods: how many. grace: terminationGracePeriodSeconds. mode: the build to test (release, asan).
    tls: TiCDC speaks mutual TLS; the files are in self.tls. password: the sidecars show it to TiCDC, as user "drainer"."""

    def __init__(self, family, pods=3, changefeeds=30, tables=600, grace=60, mode=None, sidecar_args=(), sim_args=(),
                 wrapper=(), tls=False, password=None):
        self.family, self.count, self.grace = family, pods, grace
        self.build = os.path.join(ROOT, "build", mode or os.environ.get("MODE", "release"))
        self.dir = tempfile.mkdtemp(prefix="ticdc-drain-")
        self.sidecar_args, self.wrapper = list(sidecar_args), list(wrapper)
        self.logs = os.path.join(self.dir, "logs")
        os.makedirs(self.logs)
        if password:
            self.sidecar_args += ["--ticdc-user", "drainer", "--ticdc-password-file", self.set_password(password)]
        self.network = next(_NETWORKS)
        self.tls = self._make_certificates() if tls else None
        self.processes = []
        self.keep = bool(os.environ.get("KEEP"))  # the logs, after the end
        try:
            self._start_simulators(changefeeds, tables, sim_args)
            for index in range(pods):
                self.create_pod(f"ticdc-{index}")
            wait_for("the cluster is placed and settled", lambda: self.sim("GET", "/sim/state").get("ready"), 30)
            wait_for("a coordinator is elected", self.leader, 30)
        except BaseException:
            self.keep = True
            self.close()
            raise

    def _make_certificates(self):
        addresses = [self.network[:-1] + str(n) for n in range(1, 20)]
        return {"ca": make_authority(self.dir), "server": sign(self.dir, "server", addresses), "client": sign(self.dir, "client")}

    def set_password(self, text):
        path = os.path.join(self.dir, "password")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text + "\n")
        return path

    # ---- life ----

    def _spawn(self, module, *args):
        env = dict(os.environ, PYTHONPATH=os.path.join(ROOT, "tests", "fakes"), PYTHONUNBUFFERED="1")
        with open(os.path.join(self.logs, module + ".log"), "ab") as log:
            process = subprocess.Popen(["/usr/bin/python3", "-m", module, *args], env=env, stdout=subprocess.PIPE, stderr=log,
                                       text=True, start_new_session=True)
        self.processes.append(process)
        line = process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{module} did not start; see {self.logs}/{module}.log")
        return line.split()[-1]

    def _start_simulators(self, changefeeds, tables, sim_args):
        self.control = self._spawn("ticdc_sim", "cluster", "--family", self.family, "--changefeeds", str(changefeeds),
                                   "--tables", str(tables), "--expect", str(self.count), *sim_args)
        self.kube_url = self._spawn("kube_sim", "--token", TOKEN, "--log-dir", self.logs,
                                    "--pod-ip-base", self.network)
        self.kubeconfig = os.path.join(self.dir, "kubeconfig")
        with open(self.kubeconfig, "w", encoding="utf-8") as out:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "demo",
                       "clusters": [{"name": "demo", "cluster": {"server": self.kube_url}}],
                       "users": [{"name": "demo", "user": {"token": TOKEN}}],
                       "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo", "namespace": NAMESPACE}}]},
                      out)

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            process.stdout.close()
        self.complaints = self._sanitizer_complaints()
        if self.keep or self.complaints:
            print(f"     logs of {threading.current_thread().name}: {self.logs}", flush=True)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _sanitizer_complaints(self):
        """What ASan, UBSan, LeakSanitizer or valgrind said in any container's log."""
        found = []
        for name in sorted(os.listdir(self.logs)):
            with open(os.path.join(self.logs, name), encoding="utf-8", errors="replace") as log:
                lines = log.read().splitlines()
            for number, line in enumerate(lines):
                if any(mark in line for mark in ("Sanitizer:", "runtime error:", "definitely lost: ", "Invalid read",
                                                 "Invalid write", "uninitialised")) and "definitely lost: 0 bytes" not in line:
                    found.append(f"{name}: " + " | ".join(lines[number:number + 12]))
                    break
        return found

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        self.keep = self.keep or failure is not None
        self.close()

    # ---- pods ----

    def create_pod(self, name):
        sockets = f"{self.dir}/$(POD_NAME).sock"
        env = [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
               {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
               {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
               {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
               {"name": "PYTHONPATH", "value": os.path.join(ROOT, "tests", "fakes")}]
        for variable in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if variable in os.environ:
                env.append({"name": variable, "value": os.environ[variable]})
        capture = ["/usr/bin/python3", "-m", "ticdc_sim", "capture", "--control", self.control, "--listen", "$(POD_IP):8300"]
        sidecar = [*self.wrapper, os.path.join(self.build, "ticdc-drain-sidecar"), "--kubeconfig", self.kubeconfig,
                   "--ticdc-address", "$(POD_IP):8300", "--listen", "$(POD_IP):8320", "--gate-socket", sockets,
                   "--pod-selector", "app=ticdc", "--shutdown-reserve-seconds", "5", "--log-level", "debug", *self.sidecar_args]
        if self.tls:
            capture += ["--tls-cert", self.tls["server"][0], "--tls-key", self.tls["server"][1], "--tls-client-ca", self.tls["ca"]]
            sidecar += ["--ticdc-ca", self.tls["ca"], "--ticdc-cert", self.tls["client"][0], "--ticdc-key", self.tls["client"][1]]
        hook = [os.path.join(self.build, "ticdc-drain-prestop"), "--socket", sockets]
        return self.kube("POST", PODS, {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "ticdc"}, "annotations": {"kube-sim/recreate": "true"}},
            "spec": {"terminationGracePeriodSeconds": self.grace, "containers": [
                {"name": "ticdc", "command": capture, "env": env, "lifecycle": {"preStop": {"exec": {"command": hook}}}},
                {"name": "sidecar", "command": sidecar, "env": env}]}})

    def delete_pod(self, name, grace=None):
        return self.kube("DELETE", f"{PODS}/{name}", None if grace is None else {"gracePeriodSeconds": grace})

    def pod(self, name):
        try:
            return self.kube("GET", f"{PODS}/{name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def wait_replaced(self, name, uid, timeout=90):
        """Waits until the pod of this name is another one and its capture is registered."""
        def replaced():
            pod = self.pod(name)
            return pod and pod["metadata"]["uid"] != uid and self.capture_of(name)
        return wait_for(f"{name} comes back with a new capture", replaced, timeout)

    # ---- talking to the two simulators ----

    def kube(self, method, path, body=None):
        return call(self.kube_url, method, path, body, TOKEN)

    def kube_sim(self, method, path, body=None):
        return call(self.kube_url, method, path, body)

    def sim(self, method, path, body=None):
        return call("http://" + self.control, method, path, body)

    def fault(self, name, **args):
        """Sets a knob of ticdc-sim; an argument that is None is left out."""
        return self.sim("POST", "/sim/fault", {"name": name, "enabled": True, **{k: v for k, v in args.items() if v is not None}})

    # ---- what the tests ask for ----

    def leader(self):
        """Name of the pod whose sidecar coordinates, or None."""
        try:
            lease = self.kube("GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/ticdc-drain-ticdc")
        except ApiError:
            return None
        return lease["spec"].get("holderIdentity", "").rsplit("_", 1)[0] or None

    def captures(self):
        return self.sim("GET", "/sim/state")["captures"]

    def capture_of(self, pod):
        """The live, registered capture of a pod, as ticdc-sim knows it, or None."""
        ip = (self.pod(pod) or {}).get("status", {}).get("podIP")
        for capture in self.captures():
            if ip and capture["address"] == f"{ip}:8300" and capture["up"] and capture["registered"]:
                return capture
        return None

    def ticdc_owner_pod(self):
        for index in range(self.count):
            capture = self.capture_of(f"ticdc-{index}")
            if capture and capture["is_owner"]:
                return f"ticdc-{index}"
        return None

    def truth_of(self, pod):
        """What the capture of this pod really holds, summed."""
        capture = self.capture_of(pod)
        return None if capture is None else capture["truth"]

    def apply(self, name, **spec):
        return self.kube("POST", DRAINS, {"apiVersion": "drain.ticdc.dev/v1alpha1", "kind": "DrainRequest",
                                          "metadata": {"name": name}, "spec": spec})

    def drain(self, name):
        try:
            return self.kube("GET", f"{DRAINS}/{name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def status(self, name):
        return (self.drain(name) or {}).get("status", {})

    def wait_phase(self, name, *phases, timeout=60):
        """Waits for one of the phases and returns the status; another final phase is an error at once."""
        def reached():
            status = self.status(name)
            if status.get("phase") in phases:
                return status
            if status.get("phase") in FINAL:
                raise AssertionError(f"{name} ended as {status['phase']}, not {phases}: {status.get('message')}")
            return None
        try:
            return wait_for(f"{name} is {' or '.join(phases)}", reached, timeout)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; status: {json.dumps(self.status(name))}") from None

    def request_of(self, pod):
        """Name of the DrainRequest that a pod's own sidecar makes."""
        return f"{pod}-{self.pod(pod)['metadata']['uid'][:8]}"

    def events(self):
        return self.kube("GET", f"/api/v1/namespaces/{NAMESPACE}/events")["items"]

    def judge(self):
        return self.sim("GET", "/sim/judge")

    def early_releases(self):
        """Captures that were told to stop while truth held work on them."""
        return [stop for stop in self.judge()["stops"] if stop["early"]]

    def log_of(self, pod, container="sidecar"):
        with open(os.path.join(self.logs, f"{pod}.{container}.log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def timeline(self):
        return self.kube_sim("GET", "/sim/timeline")
