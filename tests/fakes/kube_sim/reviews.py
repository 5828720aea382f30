"""TokenReview and SubjectAccessReview from canned answers.

Claims: a create answers 201 with the request's object and a status. The status is looked up by the token, or by the user, falling back to
"*"; without any, the token is not authenticated and the user is not allowed. Knows nothing of RBAC.
"""

import threading
from collections import deque


class Reviews:
    def __init__(self):
        self._lock = threading.Lock()
        self._canned = {"TokenReview": {}, "SubjectAccessReview": {}}
        self._asked = deque(maxlen=100)

    def set(self, tokens, users):
        with self._lock:
            self._canned = {"TokenReview": tokens, "SubjectAccessReview": users}
            self._asked.clear()

    def asked(self):
        """The kind and spec of the latest reviews, without tokens."""
        with self._lock:
            return list(self._asked)

    def answer(self, obj):
        kind, spec = obj["kind"], obj.get("spec") or {}
        key = spec.get("token" if kind == "TokenReview" else "user", "")
        with self._lock:
            self._asked.append({"kind": kind, "spec": {name: value for name, value in spec.items() if name != "token"}})
            canned = self._canned[kind]
            default = {"authenticated": False} if kind == "TokenReview" else {"allowed": False}
            return {**obj, "status": canned.get(key, canned.get("*", default))}
