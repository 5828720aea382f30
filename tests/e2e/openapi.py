"""Holds answers of the running server against docs/openapi.json: the status must be documented for that operation, the content type too,
and a JSON body must fit its schema, with every field documented. Knows of JSON schema only what the document uses; a word that it does not
know is an error, so that nothing in the document goes unchecked.
"""

import json
import os
import re

from harness import ROOT

_WORDS = {"type", "nullable", "enum", "required", "properties", "additionalProperties", "minimum", "maximum", "pattern", "maxLength",
          "default", "description"}
_TYPES = {"object": dict, "string": str, "integer": int, "boolean": bool}


class Document:
    def __init__(self):
        with open(os.path.join(ROOT, "docs", "openapi.json"), encoding="utf-8") as file:
            self.root = json.load(file)
        self.seen = set()  # (method, status) that were checked

    def _at(self, node):
        """Follows a $ref."""
        while "$ref" in node:
            target = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _path(self, path):
        for pattern, item in self.root["paths"].items():
            if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", pattern), path):
                return item
        raise AssertionError(f"no path of the document fits {path}")

    def documented(self):
        return {(method, int(status)) for item in self.root["paths"].values() for method in ("get", "put")
                for status in item[method]["responses"]}

    def check(self, method, path, answer):
        """answer: status, headers, body (bytes). A method that has no operation is held against those of the path."""
        item = self._path(path)
        operation = item.get(method.lower(), item["get"])
        assert str(answer.status) in operation["responses"], f"{method} {path}: {answer.status} is not documented: {answer.body!r}"
        response = self._at(operation["responses"][str(answer.status)])
        for header in response.get("headers", {}):
            assert header in answer.headers, f"{method} {path}: {answer.status} without {header}"
        kind = answer.headers["Content-Type"].split(";")[0]
        assert kind in response["content"], f"{method} {path}: {answer.status} as {kind}"
        if kind == "application/json":
            self.fits(response["content"][kind]["schema"], json.loads(answer.body), f"{method} {answer.status}")
        self.seen.update((m, answer.status) for m in ([method.lower()] if method.lower() in item else ["get", "put"]))

    def fits(self, schema, value, where):
        schema = self._at(schema)
        assert set(schema) <= _WORDS, f"{where}: what is {set(schema) - _WORDS}?"
        if value is None:
            assert schema.get("nullable"), f"{where} is null"
            return
        kind = schema["type"]
        assert isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool)), f"{where}: {value!r} is no {kind}"
        assert value in schema.get("enum", [value]), f"{where}: {value!r} is not listed"
        assert "minimum" not in schema or value >= schema["minimum"], f"{where}: {value!r}"
        if kind != "object":
            return
        assert schema["additionalProperties"] is False, where
        for name in schema.get("required", []):
            assert name in value, f"{where}: no {name}"
        for name, member in value.items():
            assert name in schema["properties"], f"{where}: {name} is not documented"
            self.fits(schema["properties"][name], member, f"{where}: {name}")
