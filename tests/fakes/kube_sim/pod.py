"""One pod: start order, stop order and status.

Claims:
- init containers run one after the other before the others; one with restartPolicy Always (a native sidecar) is started and stays.
- at deletion the kill routines of all containers start at once. Native sidecars get SIGTERM after all main containers have ended, in
  reverse order, within the same grace period. A container that ends while its pod terminates stays down, unless the control API starts it.
- a shorter grace period counts from its arrival, as the kubelet takes it, and never puts the deadline off.
- phase, conditions, podIP and container statuses follow; the object is removed when no process is left.

Leaves out readiness (running is ready), pod phases Succeeded and Failed, a kubelet restart, and that a kubelet which learns of a shorter
grace may run the hook once more.
"""

import os
import threading
import time
import uuid

from .container import AT_ONCE, Container
from .errors import ApiError
from .resources import EVENTS, PODS
from .store import rfc3339

RECREATE = "kube-sim/recreate"


class Pod:
    def __init__(self, kubelet, obj, ip, predecessor):
        meta, spec = obj["metadata"], obj["spec"]
        self.changed = threading.Condition()  # guards this and its containers' state; notified on each change
        self.name, self.namespace, self.uid, self.ip = meta["name"], meta["namespace"], meta["uid"], ip
        self.grace_of_spec = spec["terminationGracePeriodSeconds"]
        self.processes = kubelet.processes
        self.service_env = kubelet.service_env
        self.finished = threading.Event()  # no process is left and the object is gone
        self.removed = threading.Event()   # the object is gone
        self.inits = [Container(self, c, keeps_running=c.get("restartPolicy") == "Always") for c in spec.get("initContainers", [])]
        self.mains = [Container(self, c) for c in spec["containers"]]
        self._sidecars = [c for c in self.inits if c.spec.get("restartPolicy") == "Always"]
        self._kubelet = kubelet
        self._store = kubelet.store
        self._obj = obj
        self._predecessor = predecessor
        self._deadline = float("inf")
        self._started_at = rfc3339(time.time())
        self._status_lock = threading.Lock()

    # ---- what containers need ----

    def wait(self, done, deadline):
        """Wait until done(), or until deadline(), which may move closer meanwhile. Returns done()."""
        with self.changed:
            while not done() and (left := deadline() - time.monotonic()) > 0:
                self.changed.wait(min(left, 60))
            return done()

    def terminating(self):
        return self._deadline != float("inf")

    def deadline(self):
        return self._deadline

    def latest(self):
        """The pod object of now, its IP filled in even if its status is not written yet."""
        obj = self._obj
        return {**obj, "status": {**obj.get("status", {}), "podIP": self.ip, "hostIP": self._kubelet.host_ip}}

    def open_log(self, name):
        directory = self._kubelet.log_dir
        return open(os.path.join(directory, f"{self.name}.{name}.log") if directory else os.devnull, "ab", buffering=0)

    def note(self, container, event, **more):
        self._kubelet.timeline.add(self.name, self.uid, container, event, **more)

    def emit_event(self, kind, reason, message):
        now = rfc3339(time.time())
        reference = {"kind": "Pod", "apiVersion": "v1", "name": self.name, "namespace": self.namespace, "uid": self.uid}
        self._store.create(EVENTS, self.namespace, {
            "kind": "Event", "apiVersion": "v1", "metadata": {"name": f"{self.name}.{uuid.uuid4().hex[:16]}"}, "involvedObject": reference,
            "type": kind, "reason": reason, "message": message, "firstTimestamp": now, "lastTimestamp": now, "count": 1,
            "eventTime": None, "source": {"component": "kubelet", "host": "kube-sim"}, "reportingComponent": "kubelet",
            "reportingInstance": "kube-sim"})

    # ---- life ----

    def run(self):
        if self._predecessor:
            self._predecessor.finished.wait()
            self._predecessor = None
        self.note("", "created")
        self.post_status()
        self._start_containers()
        self.wait(self.terminating, lambda: float("inf"))
        self._stop_containers()
        self.post_status()
        self._remove()

    def update(self, obj):
        """The object has changed: keep it, and take over its deletion."""
        self._obj = obj
        if "deletionTimestamp" in obj["metadata"]:
            self.terminate(obj["metadata"]["deletionGracePeriodSeconds"])

    def terminate(self, grace):
        with self.changed:
            deadline = time.monotonic() + grace if grace > 0 else AT_ONCE
            if deadline < self._deadline:
                self._deadline = deadline
                self.note("", "delete-requested", grace=grace)
                self.changed.notify_all()

    def _start_containers(self):
        for container in self.inits:
            thread = _in_background(container.supervise)
            if container in self._sidecars:
                self.wait(lambda: container.alive() or self.terminating(), lambda: float("inf"))
            else:
                thread.join()
        for container in self.mains:
            _in_background(container.supervise)

    def _stop_containers(self):
        """All kill routines at once, each sidecar's SIGTERM waiting for the main containers and the sidecars started after it."""
        threads = []
        for index, container in enumerate(self._sidecars):
            before_it = self.mains + self._sidecars[index + 1:]
            threads.append(_in_background(container.stop, self.deadline, lambda others=before_it: not any(c.alive() for c in others)))
        for container in self.mains + [c for c in self.inits if c not in self._sidecars]:
            threads.append(_in_background(container.stop, self.deadline))
        for thread in threads:
            thread.join()
        while late := self._still_alive():  # started again by the control API after their kill routine
            for container in late:
                container.stop(self.deadline, with_hook=False)

    def _still_alive(self):
        """The containers that still run; if there are none, no container can be started any more."""
        with self.changed:
            alive = [c for c in self.mains + self._sidecars if c.alive()]
            if not alive:
                self._deadline = AT_ONCE
            return alive

    def _remove(self):
        try:
            self._store.delete(PODS, self.namespace, self.name, grace=0, uid=self.uid)
        except ApiError:
            pass  # was deleted without grace
        self.removed.wait()
        self.note("", "removed")
        self.finished.set()
        meta = self._obj["metadata"]
        if (meta.get("annotations") or {}).get(RECREATE) == "true":
            self._recreate(meta)

    def _recreate(self, meta):
        kept = {key: meta[key] for key in ("name", "labels", "annotations", "ownerReferences") if key in meta}
        try:
            obj = self._store.create(PODS, self.namespace, {"kind": "Pod", "apiVersion": "v1", "metadata": kept, "spec": self._obj["spec"]})
        except ApiError:
            return  # somebody else was faster
        self._kubelet.timeline.add(self.name, obj["metadata"]["uid"], "", "recreated")

    # ---- status ----

    def post_status(self):
        with self._status_lock:  # a later status must not be overtaken by an earlier one
            with self.changed:
                status = self._status()
            try:
                self._store.update(PODS, self.namespace, self.name, lambda obj: _with_status(obj, status), "status", uid=self.uid)
            except ApiError:
                pass  # the object is gone already

    def _status(self):
        sidecars_run = all(c.started for c in self._sidecars)
        initialized = sidecars_run and all(c.exit_code == 0 for c in self.inits if c not in self._sidecars)
        ready = initialized and all(c.alive() for c in self.mains + self._sidecars)
        conditions = {"PodScheduled": True, "Initialized": initialized, "ContainersReady": ready, "Ready": ready}
        status = {"phase": "Running" if initialized and all(c.started for c in self.mains) else "Pending",
                  "conditions": [{"type": name, "status": str(value)} for name, value in conditions.items()],
                  "hostIP": self._kubelet.host_ip, "podIP": self.ip, "podIPs": [{"ip": self.ip}], "startTime": self._started_at,
                  "qosClass": "BestEffort", "containerStatuses": [c.status() for c in self.mains]}
        if self.inits:
            status["initContainerStatuses"] = [c.status() for c in self.inits]
        return status

    def describe(self):
        with self.changed:
            return {"uid": self.uid, "ip": self.ip, "terminating": self.terminating(), "containers": {
                c.name: {"pid": c.process.pid if c.process else None, "hookPid": c.hook.pid if c.hook else None,
                         "restartCount": c.restarts} for c in self.inits + self.mains}}


def _with_status(obj, status):
    """obj with a new status; conditions keep their transition time, and the ones of others stay."""
    old = {condition["type"]: condition for condition in obj.get("status", {}).get("conditions", [])}
    for condition in status["conditions"]:
        before = old.pop(condition["type"], {})
        same = before.get("status") == condition["status"]
        condition["lastTransitionTime"] = before["lastTransitionTime"] if same else rfc3339(time.time())
    merged = {**obj.get("status", {}), **status}
    merged["conditions"] = status["conditions"] + list(old.values())
    return {**obj, "status": merged}


def _in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread
