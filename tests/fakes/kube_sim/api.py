"""From HTTP requests to store calls: the verbs of the Kubernetes API.

Claims: create, get, list (selectors, limit and continue from one consistent version), watch, update, patch and delete, with the codes and
Status bodies of a real API server; items of a built-in list carry no kind and apiVersion, items of a custom list do.

Patches: application/merge-patch+json (RFC 7386). application/strategic-merge-patch+json is taken for built-in resources and treated as
a merge patch: it replaces lists that a real server would merge by key. Leaves out JSON patch, apply, deletecollection, YAML bodies,
tables, dry run, create options.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from urllib.parse import parse_qs

from . import errors
from .errors import ApiError
from .resources import REVIEWS, Target, parse_path
from .selectors import compile_selector
from .watch import DEFAULT_TIMEOUT_SECONDS, Watch

_TRUE = ("1", "true")
_NOT_SERVED = "the server could not find the requested resource"
_PATCH_TYPES = ("application/merge-patch+json", "application/strategic-merge-patch+json")


@dataclass(frozen=True)
class Call:
    """A request, understood as far as routing, counting and faults need it."""
    verb: str
    target: Target
    query: dict


def parse_call(method, path, query):
    target = parse_path(path)
    if target is None:
        raise ApiError(404, _NOT_SERVED, "NotFound")
    query = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}
    if target.resource in REVIEWS:
        verb = "create" if method == "POST" and not target.name else None
    elif target.name:
        verb = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "" if target.subresource else "delete"}.get(method)
    elif method == "GET":
        verb = "watch" if query.get("watch") in _TRUE else "list"
    else:
        verb = "create" if method == "POST" and target.namespace else None
    if not verb:
        raise ApiError(405, "the server does not allow this method on the requested resource")
    return Call(verb, target, query)


def answer(sim, call, body, content_type, user_agent):
    """(HTTP status, object), or (200, Watch) for a stream."""
    if call.verb == "watch":
        return 200, _watch(sim, call, user_agent)
    handler = {"get": _get, "list": _list, "create": _create, "update": _update, "patch": _patch, "delete": _delete}[call.verb]
    return handler(sim, call, body, content_type)


def _get(sim, call, _body, _content_type):
    target = call.target
    return 200, sim.store.get(target.resource, target.namespace, target.name)


def _selector(call):
    return compile_selector(call.target.resource, call.query.get("labelSelector", ""), call.query.get("fieldSelector", ""))


def _number(call, name, default=None):
    text = call.query.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise ApiError(400, f'{name}: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def _watch(sim, call, user_agent):
    if "sendInitialEvents" in call.query:
        raise ApiError(422, "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
    since = _number(call, "resourceVersion") or None
    return Watch(sim.watches, call.target, _selector(call), since, call.query.get("allowWatchBookmarks") in _TRUE,
                 _number(call, "timeoutSeconds") or DEFAULT_TIMEOUT_SECONDS, user_agent)


def _list(sim, call, _body, _content_type):
    resource, limit = call.target.resource, _number(call, "limit", 0)
    wanted, start = _number(call, "resourceVersion", 0), None
    if wanted > sim.store.version:
        raise ApiError(504, f"Too large resource version: {wanted}, current: {sim.store.version}", retry_after=1)
    version = wanted if call.query.get("resourceVersionMatch") == "Exact" else None
    if call.query.get("continue"):
        version, start = _decode_continue(call.query["continue"])
    matches = _selector(call)
    objects, version = sim.store.list(resource, call.target.namespace, version)
    objects = [obj for obj in objects if matches(obj) and (start is None or _key(obj) > start)]
    meta = {"resourceVersion": str(version)}
    if limit and len(objects) > limit:
        meta["continue"] = _encode_continue(version, _key(objects[limit - 1]))
        if not call.query.get("labelSelector") and not call.query.get("fieldSelector"):
            meta["remainingItemCount"] = len(objects) - limit
        objects = objects[:limit]
    if not resource.custom:
        objects = [{key: value for key, value in obj.items() if key not in ("kind", "apiVersion")} for obj in objects]
    return 200, {"kind": resource.kind + "List", "apiVersion": resource.api_version, "metadata": meta, "items": objects}


def _key(obj):
    return [obj["metadata"]["namespace"], obj["metadata"]["name"]]


def _encode_continue(version, key):
    return base64.urlsafe_b64encode(json.dumps([version, key]).encode()).decode()


def _decode_continue(token):
    try:
        version, key = json.loads(base64.urlsafe_b64decode(token))
        return int(version), key
    except (ValueError, TypeError, binascii.Error):
        raise ApiError(400, "continue key is not valid") from None


def _reject_constant(name):
    raise ValueError(f"invalid character in {name}")


def decode(body):
    """A JSON object from a request body, else 400."""
    try:
        value = json.loads(body, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the object provided is unrecognized (must be of type JSON): {error}") from None
    if not isinstance(value, dict):
        raise ApiError(400, "the object provided is unrecognized (must be of type JSON): not an object")
    return value


def _decode_object(call, body, content_type):
    """The object of a create or update, its kind, version, namespace and name agreeing with the URL."""
    if content_type not in ("", "application/json"):
        raise ApiError(415, "the body of the request was in an unknown format - accepted media types include: application/json")
    target, obj = call.target, decode(body)
    for field, expected in (("apiVersion", target.resource.api_version), ("kind", target.resource.kind)):
        if not obj.get(field) and target.resource.custom:
            raise ApiError(400, f"Object '{field.capitalize()}' is missing in the request body")
        if obj.setdefault(field, expected) != expected:
            raise ApiError(400, f"the {field} in the data ({obj[field]}) does not match the expected {field} ({expected})")
    meta = obj.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise ApiError(400, "metadata: expected an object")
    if meta.get("namespace", target.namespace) != target.namespace:
        raise ApiError(400, "the namespace of the provided object does not match the namespace sent on the request")
    if target.name and meta.get("name") != target.name:
        raise ApiError(400, f"the name of the object ({meta.get('name', '')}) does not match the name on the URL ({target.name})")
    return obj


def _create(sim, call, body, content_type):
    obj = _decode_object(call, body, content_type)
    if call.target.resource in REVIEWS:
        return 201, sim.reviews.answer(obj)
    if obj["metadata"].pop("resourceVersion", ""):
        raise ApiError(500, "resourceVersion should not be set on objects to be created")
    return 201, sim.store.create(call.target.resource, call.target.namespace, obj)


def _update(sim, call, body, content_type):
    target, obj = call.target, _decode_object(call, body, content_type)
    meta = obj["metadata"]
    if not meta.get("resourceVersion"):
        meta.pop("resourceVersion", None)
        if target.resource.update_needs_version:
            sim.store.get(target.resource, target.namespace, target.name)
            raise errors.invalid(target.resource, target.name,
                                 "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update")
    return 200, sim.store.update(target.resource, target.namespace, target.name, lambda _old: obj, target.subresource, meta.get("uid"))


def merge(value, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), change)
    return merged


def _patch(sim, call, body, content_type):
    target = call.target
    accepted = _PATCH_TYPES[:1] if target.resource.custom else _PATCH_TYPES
    if content_type not in accepted:
        raise ApiError(415, "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted))
    patch = decode(body)

    def change(old):
        new = merge(old, patch)
        for field in ("kind", "apiVersion"):
            if new.get(field) != old[field]:
                raise ApiError(400, f"{field} cannot be changed by a patch")
        meta = new.get("metadata")
        for field in ("name", "namespace", "uid"):
            if not isinstance(meta, dict) or meta.get(field) != old["metadata"][field]:
                raise errors.invalid(target.resource, target.name, f"metadata.{field}: Invalid value: field is immutable")
        return new

    return 200, sim.store.update(target.resource, target.namespace, target.name, change, target.subresource)


def _delete(sim, call, body, _content_type):
    target = call.target
    options = decode(body) if body else {}
    preconditions = options.get("preconditions") or {}
    grace = options.get("gracePeriodSeconds")
    if grace is None:
        grace = _number(call, "gracePeriodSeconds")
    obj, gone = sim.store.delete(target.resource, target.namespace, target.name, grace, preconditions.get("uid"),
                                 preconditions.get("resourceVersion"))
    if gone and target.resource.plural != "pods":  # pods alone answer with the object itself
        return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                     "details": {"name": target.name, "group": target.resource.group, "kind": target.resource.plural,
                                 "uid": obj["metadata"]["uid"]}}
    return 200, obj
