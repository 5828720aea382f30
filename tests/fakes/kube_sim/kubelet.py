"""The kubelet: one worker per pod object.

Claims: a created pod starts to run, a deleted one stops, without any call to the API of kube-sim itself. A pod with the annotation
kube-sim/recreate: "true" is created again after its removal, with a new uid: this stands for a StatefulSet controller.

The pod IP belongs to the name of the pod, so that a re-created pod has it again. Kubernetes does not promise that; but a StatefulSet
pod keeps its DNS name, TiCDC captures are known by that name, and kube-sim has no DNS: the IP stands for the name. All of 127.0.0.0/8
is local on Linux, so a process can listen on its pod's IP.
"""

import ipaddress
import threading

from .pod import Pod
from .resources import PODS


class Kubelet:
    host_ip = "127.0.0.1"

    def __init__(self, store, timeline, processes, log_dir, ip_base, api_port):
        self.store = store
        self.timeline = timeline
        self.processes = processes
        self.log_dir = log_dir
        self.service_env = {"KUBERNETES_SERVICE_HOST": self.host_ip, "KUBERNETES_SERVICE_PORT": str(api_port)}
        self._ip_base = ipaddress.IPv4Address(ip_base)
        self._ips = {}
        self._lock = threading.Lock()
        self._pods = {}  # by namespace and name; a removed pod stays until its successor comes, which has to wait for it
        self._changes = store.subscribe()

    def start(self):
        threading.Thread(target=self._run, name="kubelet", daemon=True).start()

    def find(self, namespace, name):
        """The worker of a pod that still has processes or an object, or None."""
        with self._lock:
            pod = self._pods.get((namespace, name))
        return None if pod is None or pod.finished.is_set() else pod

    def _run(self):
        while True:
            change = self._changes.get()
            if change.resource is not PODS:
                continue
            key = change.obj["metadata"]["namespace"], change.obj["metadata"]["name"]
            if change.type == "ADDED":
                self._add(key, change.obj)
                continue
            pod = self._pods[key]
            if change.type == "MODIFIED":
                pod.update(change.obj)
            else:
                pod.terminate(0)
                pod.removed.set()

    def _add(self, key, obj):
        ip = self._ips.setdefault(key, str(self._ip_base + len(self._ips) + 1))
        pod = Pod(self, obj, ip, self._pods.get(key))
        with self._lock:
            self._pods[key] = pod
        threading.Thread(target=pod.run, name="/".join(key), daemon=True).start()
