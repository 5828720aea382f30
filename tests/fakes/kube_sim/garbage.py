"""The garbage collector, for owners that are pods.

Claims: an object all of whose owners are gone is deleted soon after, also when its owner was gone before it was created. An owner is
known by its uid. Owners of any other kind count as alive. Leaves out foreground deletion and blockOwnerDeletion.
"""

import threading

from .errors import ApiError
from .resources import PODS, STORED


class GarbageCollector:
    def __init__(self, store):
        self._store = store
        self._changes = store.subscribe()

    def start(self):
        threading.Thread(target=self._run, name="garbage-collector", daemon=True).start()

    def _run(self):
        while True:
            change = self._changes.get()
            pod_is_gone = change.resource is PODS and change.type == "DELETED"
            if pod_is_gone or change.obj["metadata"].get("ownerReferences"):
                self._sweep()

    def _sweep(self):
        with self._store.changed:
            alive = {pod["metadata"]["uid"] for pod in self._store.list(PODS)[0]}
            orphans = [(resource, obj["metadata"]) for resource in STORED for obj in self._store.list(resource)[0]
                       if _is_orphan(obj["metadata"], alive)]
        for resource, meta in orphans:
            try:
                self._store.delete(resource, meta["namespace"], meta["name"], uid=meta["uid"])
            except ApiError:
                pass  # somebody else deleted or replaced it first


def _is_orphan(meta, alive):
    owners = meta.get("ownerReferences") or []
    return bool(owners) and all(owner.get("kind") == "Pod" and owner.get("uid") not in alive for owner in owners)
