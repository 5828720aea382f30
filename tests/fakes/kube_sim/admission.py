"""Defaults, and the few validations of a real API server that a client can trip over.

Claims: names are DNS subdomains; a lease has leaseDurationSeconds > 0, leaseTransitions >= 0 and times with exactly six digits of
fraction (MicroTime); an event lives in the namespace of its object; a pod has named containers, gets the defaults that the kubelet
needs, and its spec cannot change.

Leaves out, on purpose, the schema of DrainRequest: a real cluster validates it by its CRD, here any spec and status is stored, so that
the sidecar's own validation is what gets tested. Leaves out all other schema checks too: unknown fields are kept, not pruned.
"""

import re

from .errors import ApiError, invalid
from .resources import EVENTS, LEASES, PODS

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")


def admit(resource, obj, old=None):
    """Fill in defaults of obj, then refuse what a real server refuses. old is None for a create."""
    name = obj["metadata"]["name"]
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise invalid(resource, name, f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain is required')
    if resource is PODS:
        _admit_pod(obj, old)
    elif resource is LEASES:
        _admit_lease(obj)
    elif resource is EVENTS:
        _admit_event(obj)


def _admit_pod(pod, old):
    name, spec = pod["metadata"]["name"], pod.get("spec")
    if not isinstance(spec, dict) or not spec.get("containers"):
        raise invalid(PODS, name, "spec.containers: Required value")
    if old is not None:
        if spec != old["spec"]:
            raise invalid(PODS, name, "spec: Forbidden: pod updates may not change fields of the spec")
        return
    names = [container.get("name") for container in spec["containers"] + spec.get("initContainers", [])]
    if not all(names) or len(set(names)) != len(names):
        raise invalid(PODS, name, "spec.containers: every container needs a name of its own")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("nodeName", "kube-sim")


def _check_micro_time(resource, value, field):
    if value is not None and not (isinstance(value, str) and _MICRO_TIME.fullmatch(value)):
        kind, version = resource.kind, resource.version
        raise ApiError(400, f'{kind} in version "{version}" cannot be handled as a {kind}: {field}: cannot parse {value!r} as '
                            f'"2006-01-02T15:04:05.000000Z07:00"')


def _integer(spec, field):
    value = spec.get(field)
    if value is not None and type(value) is not int:
        raise ApiError(400, f'Lease in version "v1" cannot be handled as a Lease: spec.{field}: cannot unmarshal {value!r} into int32')
    return value


def _admit_lease(lease):
    name, spec = lease["metadata"]["name"], lease.get("spec") or {}
    for field in ("acquireTime", "renewTime"):
        _check_micro_time(LEASES, spec.get(field), f"spec.{field}")
    duration, transitions = _integer(spec, "leaseDurationSeconds"), _integer(spec, "leaseTransitions")
    if duration is not None and duration <= 0:
        raise invalid(LEASES, name, f"spec.leaseDurationSeconds: Invalid value: {duration}: must be greater than 0")
    if transitions is not None and transitions < 0:
        raise invalid(LEASES, name, f"spec.leaseTransitions: Invalid value: {transitions}: must be greater than or equal to 0")


def _admit_event(event):
    meta = event["metadata"]
    involved = (event.get("involvedObject") or {}).get("namespace", "")
    if involved != meta["namespace"]:
        raise invalid(EVENTS, meta["name"],
                      f'involvedObject.namespace: Invalid value: "{involved}": does not match event.namespace')
    _check_micro_time(EVENTS, event.get("eventTime"), "eventTime")
