"""What happened to which pod and container, and when: the record that tests judge a drain by."""

import threading
import time


class Timeline:
    def __init__(self):
        self._lock = threading.Lock()
        self._entries = []

    def add(self, pod, uid, container, event, **more):
        """more: code (an exit code), output (of a hook), grace (seconds)."""
        with self._lock:
            self._entries.append({"t": int(time.time() * 1000), "pod": pod, "uid": uid, "container": container, "event": event, **more})

    def entries(self):
        with self._lock:
            return list(self._entries)
