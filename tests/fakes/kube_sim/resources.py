"""The resources that exist, and how a URL names them.

Claims: the path layout of a real API server, namespaced and across all namespaces. Leaves out discovery, OpenAPI, namespaces as
objects (every namespace exists) and every resource not listed here.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    group: str
    version: str
    plural: str
    kind: str
    has_status: bool = False            # served with a /status subresource that owns .status
    namespaced: bool = True
    custom: bool = False                # defined by a CRD: generation, stricter bodies, no strategic merge patch
    update_needs_version: bool = False  # a PUT without resourceVersion is refused (AllowUnconditionalUpdate is false)
    selectable: tuple = ()              # fields for a fieldSelector, besides metadata.name and metadata.namespace

    @property
    def api_version(self):
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self):
        return f"{self.plural}.{self.group}" if self.group else self.plural


PODS = Resource("", "v1", "pods", "Pod", has_status=True, selectable=("spec.nodeName", "status.phase", "status.podIP"))
EVENTS = Resource("", "v1", "events", "Event", selectable=(
    "involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "involvedObject.uid", "reason", "type"))
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", update_needs_version=True)
DRAINREQUESTS = Resource("drain.ticdc.dev", "v1alpha1", "drainrequests", "DrainRequest", has_status=True, custom=True,
                         update_needs_version=True)
TOKENREVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
ACCESSREVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False)

STORED = (PODS, EVENTS, LEASES, DRAINREQUESTS)
REVIEWS = (TOKENREVIEWS, ACCESSREVIEWS)
_BY_URL = {(r.group, r.version, r.plural): r for r in STORED + REVIEWS}

_PATH = re.compile(
    r"^/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?/?$")


@dataclass(frozen=True)
class Target:
    """What a URL names. namespace is "" for "all namespaces", name is "" for the collection."""
    resource: Resource
    namespace: str
    name: str
    subresource: str


def parse_path(path):
    """The Target of a path, or None if nothing is served there."""
    match = _PATH.match(path)
    if not match:
        return None
    part = {key: value or "" for key, value in match.groupdict().items()}
    resource = _BY_URL.get((part["group"], part["core"] or part["version"], part["plural"]))
    if resource is None or part["subresource"] not in (("", "status") if resource.has_status else ("",)):
        return None
    if bool(part["namespace"]) > resource.namespaced or (resource.namespaced and part["name"] and not part["namespace"]):
        return None
    return Target(resource, part["namespace"], part["name"], part["subresource"])
