"""CEL rules of a definition (`x-kubernetes-validations`): what they refuse, and how."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster.api.answers.objects import Step, named

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PATH = "/apis/NS.example.com/v1/namespaces/NS/ruleds"
_RULES = "x-kubernetes-validations"
_MEMBER = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "maxLength": 9}, "n": {"type": "integer"}},
    _RULES: [{"rule": "!has(oldSelf.n) || has(self.n) && self.n >= oldSelf.n", "message": "n may only grow"}],
}
_PROPERTIES: dict[str, Any] = {
    "least": {"type": "integer"},
    "most": {"type": "integer"},
    "word": {"type": "string", "maxLength": 20, _RULES: [{"rule": "self != 'bad'", "message": "bad is a bad word"}]},
    "fixed": {"type": "string", "maxLength": 20, _RULES: [{"rule": "self == oldSelf", "message": "is immutable"}]},
    "part": {"type": "number", _RULES: [{"rule": "self > 1.5"}]},
    "when": {"type": "string", "format": "date-time", _RULES: [{"rule": "self > timestamp('2020-01-01T00:00:00Z')"}]},
    "words": {
        "type": "array",
        "maxItems": 5,
        "items": {"type": "string", "maxLength": 9},
        _RULES: [{"rule": "self.all(w, w.startsWith('x'))", "messageExpression": "'not of x: ' + self[0]"}],
    },
    "members": {
        "type": "array",
        "maxItems": 5,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": _MEMBER,
    },
    "map": {
        "type": "object",
        "maxProperties": 5,
        "additionalProperties": {"type": "integer", _RULES: [{"rule": "self < 9"}]},
        _RULES: [{"rule": "self.all(k, k.size() < 3)", "reason": "FieldValueForbidden", "message": "long key"}],
    },
    "name-space": {"type": "integer"},
    "either": {"x-kubernetes-int-or-string": True, _RULES: [{"rule": "type(self) == int || self.endsWith('%')"}]},
    "list": {"type": "array", "maxItems": 3, "items": {"type": "integer"}, _RULES: [{"rule": "self[0] > 0"}]},
}
_SPEC = {
    "type": "object",
    "properties": _PROPERTIES,
    _RULES: [
        {"rule": "!has(self.least) || !has(self.most) || self.least <= self.most"},
        {
            "rule": "!has(self.most) || self.most < 100",
            "fieldPath": ".most",
            "reason": "FieldValueForbidden",
            "message": "too many",
        },
        {"rule": "!has(self.name__dash__space) || self.name__dash__space == 1", "reason": "FieldValueRequired"},
    ],
}
_STATUS = {"type": "object", "properties": {"seen": {"type": "integer", _RULES: [{"rule": "self >= oldSelf"}]}}}
DEFINITION = named(
    "ruleds.NS.example.com",
    spec={
        "group": "NS.example.com",
        "names": {"plural": "ruleds", "kind": "Ruled"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": _SPEC, "status": _STATUS},
                        _RULES: [{"rule": "self.metadata.name != 'forbidden'", "message": "a name that may not be"}],
                    }
                },
                "subresources": {"status": {}},
            }
        ],
    },
)


def ruled(name: str = "r", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "NS.example.com/v1", "kind": "Ruled", **named(name, spec=spec)}


def _broken(rule: str, **more: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"a": {"type": "integer"}}, _RULES: [{"rule": rule, **more}]}
        },
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {**DEFINITION["spec"], "versions": [version]}
    return {**DEFINITION, "spec": spec}


SCENARIOS: dict[str, list[Step]] = {
    "rules": [
        ("POST", _DEFINITIONS, DEFINITION),
        ("WAIT", PATH, None),
        ("POST", PATH, ruled("a", least=2, most=1)),
        ("POST", PATH, ruled("a", most=100)),
        ("POST", PATH, ruled("a", word="bad")),
        ("POST", PATH, ruled("a", part=1)),
        ("POST", PATH, ruled("b", part=2)),
        ("POST", PATH, ruled("d", when="2021-01-01T00:00:00Z")),
        ("POST", PATH, ruled("a", words=["x", "y"])),
        ("POST", PATH, ruled("a", map={"long": 1})),
        ("POST", PATH, ruled("a", map={"ab": 10})),
        ("POST", PATH, ruled("a", **{"name-space": 2})),
        ("POST", PATH, ruled("a", either="5")),
        ("POST", PATH, ruled("c", either=5)),
        ("POST", PATH, ruled("a", list=[])),
        ("POST", PATH, ruled("forbidden")),
        ("POST", PATH, ruled("a", word="bad", least=2, most=1)),
        ("POST", PATH, ruled(fixed="x", members=[{"name": "m", "n": 2}])),
        ("PATCH", f"{PATH}/r", {"spec": {"fixed": "y"}}),
        ("PATCH", f"{PATH}/r", {"spec": {"members": [{"name": "k", "n": 1}, {"name": "m", "n": 1}]}}),
        ("PATCH", f"{PATH}/r", {"spec": {"members": [{"name": "k", "n": 1}, {"name": "m", "n": 3}]}}),
        ("PATCH", f"{PATH}/r/status", {"status": {"seen": 2}}),
        ("PATCH", f"{PATH}/r/status", {"status": {"seen": 1}}),
        ("PATCH", f"{PATH}/r/status", {"status": {"seen": 3}}),
    ],
    "rules that are none": [
        ("POST", _DEFINITIONS, _broken("self.a +")),
        ("POST", _DEFINITIONS, _broken("")),
        ("POST", _DEFINITIONS, _broken("self.a == 1", message="a\nb")),
        ("POST", _DEFINITIONS, _broken("self.a == 1", message=" ")),
        ("POST", _DEFINITIONS, _broken("self.a == 1", reason="Because")),
        ("POST", _DEFINITIONS, _broken("size([1])")),
    ],
}
