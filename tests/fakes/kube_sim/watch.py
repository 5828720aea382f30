"""Watch streams.

Claims:
- resourceVersion unset or "0": the present objects as ADDED, then changes; otherwise exactly the changes after that version, in order.
- under a selector an object that starts to match is ADDED, one that stops matching is DELETED.
- a bookmark about once a minute and shortly before timeoutSeconds ends, only if asked for; its version covers all that was sent.
- a version that has left the history is 410 Expired. A real API server says so by an ERROR event under HTTP 200 (cacher.go: "other errors
  must fail with a watch event of type ERROR"); here the default is the harder case of an HTTP status 410, which proxies and older
  servers give, and `POST /sim/watches {"tooOld": "event"}` switches to the event.

Leaves out sendInitialEvents (streaming lists), which is refused. A version from the future waits for later changes.
"""

import threading
import time

from . import errors

POLL_SECONDS = 0.5  # how soon a watcher notices that its client has gone
DEFAULT_TIMEOUT_SECONDS = 1800


class Watches:
    """The settings of all watches, and the ones that run now."""

    def __init__(self, store):
        self.store = store
        self.bookmark_seconds = 60.0
        self.too_old = "status"
        self._running = set()
        self._lock = threading.Lock()

    def running(self):
        with self._lock:
            return sorted(self._running, key=lambda watch: watch.started)

    def add(self, watch):
        with self._lock:
            self._running.add(watch)

    def remove(self, watch):
        with self._lock:
            self._running.discard(watch)

    def cut(self, how, resource=None):
        """End running watches: how is close, expired-event or reset. Returns how many."""
        chosen = [watch for watch in self.running() if resource in (None, "*", watch.resource.plural)]
        with self.store.changed:
            for watch in chosen:
                watch.cut = how
            self.store.changed.notify_all()
        return len(chosen)


class Watch:
    def __init__(self, watches, target, matches, since, bookmarks, timeout, user_agent):
        self.settings = watches
        self.store = watches.store
        self.resource = target.resource
        self.namespace = target.namespace
        self.user_agent = user_agent
        self.started = time.time()
        self.cut = None
        self._matches = matches
        self._since = since
        self._bookmarks = bookmarks
        self._timeout = timeout
        self._expired = None
        with self.store.changed:
            if since is not None and since < self.store.too_old_below:
                self._expired = errors.expired(f"too old resource version: {since} ({self.store.too_old_below})")
        if self._expired and watches.too_old == "status":
            raise self._expired

    def events(self, client_gone):
        """Yield watch events until the watch ends; look at `cut` afterwards to learn how."""
        if self._expired:
            yield _event("ERROR", self._expired.status())
            return
        present, cursor = self._start()
        for obj in present:
            yield _event("ADDED", obj)
        end = time.monotonic() + self._timeout
        last_call = end - min(2.0, self._timeout / 4)
        bookmark_at = min(time.monotonic() + self.settings.bookmark_seconds, last_call)
        while True:
            changes, cursor, lost = self._next(cursor, min(end, bookmark_at if self._bookmarks else end))
            yield from self._visible(changes)
            now = time.monotonic()
            if self.cut == "expired-event":
                yield _event("ERROR", errors.expired(f"too old resource version: {cursor} ({cursor + 1})").status())
            if self.cut or lost or now >= end or client_gone():
                return
            if self._bookmarks and now >= bookmark_at:
                yield self._bookmark(cursor)
                bookmark_at = min(now + self.settings.bookmark_seconds, last_call if now < last_call else end + 1)

    def _start(self):
        if self._since is not None:
            return [], self._since
        objects, version = self.store.list(self.resource, self.namespace)
        return [obj for obj in objects if self._matches(obj)], version

    def _next(self, cursor, until):
        """Changes after the cursor, waiting a while if there are none. lost: the history no longer reaches back to the cursor."""
        with self.store.changed:
            changes = self.store.changes_after(self.resource, cursor)
            if not changes and not self.cut:
                self.store.changed.wait(max(0.0, min(POLL_SECONDS, until - time.monotonic())))
                changes = self.store.changes_after(self.resource, cursor)
            if cursor < self.store.lost_below:
                return [], cursor, True
            return changes, max(cursor, self.store.version), False

    def _visible(self, changes):
        for change in changes:
            if self.namespace not in ("", change.obj["metadata"]["namespace"]):
                continue
            before = change.old is not None and self._matches(change.old)
            after = change.type != "DELETED" and self._matches(change.obj)
            if after:
                yield _event("MODIFIED" if before else "ADDED", change.obj)
            elif before:
                yield _event("DELETED", change.obj if change.type == "DELETED" else _with_version(change.old, change.version))

    def _bookmark(self, version):
        return _event("BOOKMARK", {"kind": self.resource.kind, "apiVersion": self.resource.api_version,
                                   "metadata": {"resourceVersion": str(version), "creationTimestamp": None}})


def _event(kind, obj):
    return {"type": kind, "object": obj}


def _with_version(obj, version):
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}
