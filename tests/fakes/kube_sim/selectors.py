"""Label and field selectors.

Claims: =, ==, !=, in, notin, exists and !exists for labels, with the rule that != and notin also match objects without the label;
=, == and != for the fields that the resource offers, others being a 400.
"""

import re

from .errors import ApiError

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
_VALUE = r"[A-Za-z0-9._-]*"
_LABEL_TERM = re.compile(
    rf"\s*(?:!\s*(?P<absent>{_KEY})|(?P<key>{_KEY})\s*(?:(?P<op>==|=|!=)\s*(?P<value>{_VALUE})"
    rf"|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*")
_FIELD_TERM = re.compile(r"\s*(?P<path>[A-Za-z.]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^,]*)")


def _label_test(term):
    match = _LABEL_TERM.fullmatch(term)
    if not match:
        raise ApiError(400, f"unable to parse requirement: {term!r}")
    if match["absent"]:
        return lambda labels: match["absent"] not in labels
    key = match["key"]
    if match["set"]:
        values = {value.strip() for value in match["values"].split(",")}
        wanted = match["set"] == "in"
    elif match["op"]:
        values, wanted = {match["value"]}, match["op"] != "!="
    else:
        return lambda labels: key in labels
    return lambda labels: (key in labels and labels[key] in values) == wanted


def _lookup(obj, path):
    for step in path.split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)


def _field_test(term, resource):
    match = _FIELD_TERM.fullmatch(term)
    if not match:
        raise ApiError(400, f"invalid selector: {term!r}; can't understand {term!r}")
    path, value = match["path"], match["value"].strip()
    if path not in ("metadata.name", "metadata.namespace") + resource.selectable:
        raise ApiError(400, f"field label not supported: {path}")
    return lambda obj: (_lookup(obj, path) == value) == (match["op"] != "!=")


def compile_selector(resource, labels, fields):
    """One predicate over objects for a labelSelector and a fieldSelector, each "" for none."""
    label_tests = [_label_test(term) for term in re.split(r",(?![^(]*\))", labels)] if labels.strip() else []
    field_tests = [_field_test(term, resource) for term in fields.split(",")] if fields.strip() else []

    def matches(obj):
        present = obj["metadata"].get("labels") or {}
        return all(test(present) for test in label_tests) and all(test(obj) for test in field_tests)

    return matches
