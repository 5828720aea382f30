"""The object store: one global resourceVersion, optimistic concurrency, a bounded history, deletion with grace and finalizers.

Claims:
- resourceVersion counts writes over all resources; a write that changes nothing does not move it.
- server-owned metadata cannot be written; main resource and /status do not write each other's part; generation of custom resources
  moves with the spec.
- a deleted object stays with a deletionTimestamp while it has finalizers or, for pods, grace; grace can be shortened, never extended.
- the state at any version in the history can be listed, older versions are 410.

Leaves out managedFields, server-side apply, dry run, create-on-update (a PUT to a missing lease is 404 here), persistence: a new
kube-sim is an empty cluster.

An object in the store is never changed in place, so readers need no copy.
"""

import calendar
import copy
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from queue import SimpleQueue

from . import errors
from .admission import admit
from .resources import PODS, STORED, Resource

FIRST_VERSION = 100  # "0" has a meaning of its own in requests, so it never is a version
_OWNED_META = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


@dataclass(frozen=True)
class Change:
    """One write. old is None for ADDED; obj of DELETED is the last state under the version of the deletion."""
    version: int
    resource: Resource
    type: str
    obj: dict
    old: dict | None


def rfc3339(unix_seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_seconds))


class Store:
    def __init__(self, history=1000):
        self.changed = threading.Condition(threading.RLock())  # guards everything here; notified on each write
        self.version = FIRST_VERSION
        self.too_old_below = FIRST_VERSION  # a watch or list from a smaller version is 410
        self.lost_below = FIRST_VERSION     # changes up to here have left the history
        self._history = deque()
        self._history_max = history
        self._objects = {resource: {} for resource in STORED}
        self._subscribers = []

    # ---- reading ----

    def get(self, resource, namespace, name):
        with self.changed:
            try:
                return self._objects[resource][namespace, name]
            except KeyError:
                raise errors.not_found(resource, name) from None

    def list(self, resource, namespace="", version=None):
        """(objects in name order, their version), now or as of an older version. namespace "" means all."""
        with self.changed:
            objects = dict(self._objects[resource])
            if version is None:
                version = self.version
            if version < self.too_old_below:
                raise errors.expired(f"The provided resource version is too old: {version} ({self.too_old_below})")
            for change in reversed(self._history):
                if change.version <= version:
                    break
                if change.resource is resource:
                    self._undo(objects, change)
        return [objects[key] for key in sorted(objects) if namespace in ("", key[0])], version

    @staticmethod
    def _undo(objects, change):
        key = change.obj["metadata"]["namespace"], change.obj["metadata"]["name"]
        if change.old is None:
            del objects[key]
        else:
            objects[key] = change.old

    def changes_after(self, resource, version):
        """The changes of one resource after a version, oldest first. Call with `changed` held."""
        found = []
        for change in reversed(self._history):
            if change.version <= version:
                break
            if change.resource is resource:
                found.append(change)
        return found[::-1]

    def subscribe(self):
        """A queue of all changes from now on, for the kubelet and the garbage collector."""
        queue = SimpleQueue()
        with self.changed:
            self._subscribers.append(queue)
        return queue

    def compact(self):
        """Make every version handed out so far too old. Running watches have already seen them and go on."""
        with self.changed:
            self.version += 1
            self.too_old_below = self.version

    # ---- writing ----

    def create(self, resource, namespace, obj):
        obj = copy.deepcopy(obj)
        meta = obj["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
        if not meta.get("name"):
            raise errors.invalid(resource, "", "metadata.name: Required value: name or generateName is required")
        for field in _OWNED_META[2:]:
            meta.pop(field, None)
        meta.update(namespace=namespace, uid=str(uuid.uuid4()), creationTimestamp=rfc3339(time.time()))
        if resource.custom:
            meta["generation"] = 1
        if resource.has_status:
            obj.pop("status", None)
        admit(resource, obj)
        with self.changed:
            if (namespace, meta["name"]) in self._objects[resource]:
                raise errors.already_exists(resource, meta["name"])
            return self._commit(resource, "ADDED", obj, None)

    def update(self, resource, namespace, name, change, subresource="", uid=None):
        """Replace an object by change(its copy), under the rules above. uid: refuse any other incarnation."""
        with self.changed:
            old = self.get(resource, namespace, name)
            if uid is not None and old["metadata"]["uid"] != uid:
                raise errors.conflict(resource, name, _uid_differs(uid, old))
            given = change(copy.deepcopy(old))
            if (given["metadata"].get("resourceVersion") or old["metadata"]["resourceVersion"]) != old["metadata"]["resourceVersion"]:
                raise errors.modified(resource, name)
            new = self._merge_status(old, given) if subresource else self._merge_main(resource, old, given)
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            if new == old:
                return old
            admit(resource, new, old)
            meta = new["metadata"]
            if "deletionTimestamp" in meta and not meta.get("finalizers") and not meta.get("deletionGracePeriodSeconds"):
                return self._remove(resource, new, old)
            return self._commit(resource, "MODIFIED", new, old)

    @staticmethod
    def _merge_status(old, given):
        new = {key: value for key, value in old.items() if key != "status"}
        new["metadata"] = dict(old["metadata"])
        if "status" in given:
            new["status"] = given["status"]
        return new

    @staticmethod
    def _merge_main(resource, old, given):
        new = dict(given)
        new["metadata"] = dict(given["metadata"])
        for field in _OWNED_META:
            new["metadata"].pop(field, None)
            if field in old["metadata"]:
                new["metadata"][field] = old["metadata"][field]
        if resource.has_status:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        if resource.custom and new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] += 1
        return new

    def delete(self, resource, namespace, name, grace=None, uid=None, version=None):
        """Delete, or start or shorten a graceful deletion. Returns (object, whether it is gone)."""
        with self.changed:
            old = self.get(resource, namespace, name)
            meta = old["metadata"]
            if uid is not None and uid != meta["uid"]:
                raise errors.conflict(resource, name, _uid_differs(uid, old))
            if version is not None and version != meta["resourceVersion"]:
                raise errors.conflict(resource, name, f"Precondition failed: ResourceVersion in precondition: {version}, "
                                                      f"ResourceVersion in object meta: {meta['resourceVersion']}")
            if resource is not PODS:
                grace = 0
            if "deletionTimestamp" in meta and (grace is None or grace >= meta["deletionGracePeriodSeconds"]):
                return old, False
            if grace is None:
                grace = old["spec"]["terminationGracePeriodSeconds"]
            if grace == 0 and not meta.get("finalizers"):
                return self._remove(resource, old, old), True
            return self._commit(resource, "MODIFIED", self._marked(old, grace), old), False

    @staticmethod
    def _marked(old, grace):
        """old as a terminating object whose clock started with the first deletion request."""
        new = dict(old)
        meta = new["metadata"] = dict(old["metadata"])
        start = time.time()
        if "deletionTimestamp" in meta:
            end = calendar.timegm(time.strptime(meta["deletionTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))
            start = end - meta["deletionGracePeriodSeconds"]
        elif "generation" in meta:
            meta["generation"] += 1
        meta["deletionTimestamp"] = rfc3339(start + grace)
        meta["deletionGracePeriodSeconds"] = grace
        return new

    def _remove(self, resource, last, old):
        gone = dict(last)
        gone["metadata"] = dict(last["metadata"])
        return self._commit(resource, "DELETED", gone, old)

    def _commit(self, resource, kind, obj, old):
        """Give obj the next version, store it and tell everybody."""
        self.version += 1
        meta = obj["metadata"]
        meta["resourceVersion"] = str(self.version)
        if kind == "DELETED":
            del self._objects[resource][meta["namespace"], meta["name"]]
        else:
            self._objects[resource][meta["namespace"], meta["name"]] = obj
        change = Change(self.version, resource, kind, obj, old)
        self._history.append(change)
        if len(self._history) > self._history_max:
            self.lost_below = self._history.popleft().version
            self.too_old_below = max(self.too_old_below, self.lost_below)
        for queue in self._subscribers:
            queue.put(change)
        self.changed.notify_all()
        return obj


def _uid_differs(wanted, obj):
    return f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {obj['metadata']['uid']}"
