"""What the schema of a custom type refuses, fills in and drops."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster.api.answers.objects import Step, named

PATH = "/apis/NS.example.com/v1/namespaces/NS/gadgets"
PROPERTIES: dict[str, Any] = {
    "whole": {"type": "integer", "minimum": 1, "maximum": 9, "exclusiveMaximum": True, "multipleOf": 2},
    "part": {"type": "number", "minimum": 0.5, "exclusiveMinimum": True},
    "word": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
    "when": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "bytes": {"type": "string", "format": "byte"},
    "small": {"type": "integer", "format": "int32"},
    "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}},
    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    "keyed": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "v": {"type": "integer", "default": 3}},
        },
    },
    "amounts": {"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "integer"}},
    "either": {"x-kubernetes-int-or-string": True},
    "maybe": {"type": "string", "nullable": True},
    "filled": {
        "type": "object",
        "default": {"deep": {}},
        "properties": {"deep": {"type": "object", "properties": {"x": {"type": "integer", "default": 7}}}},
    },
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "kind": {"type": "string", "enum": ["a", "b"]},
    "one": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "any": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "none": {"type": "string", "not": {"enum": ["bad"]}},
    "both": {"type": "integer", "allOf": [{"minimum": 3}, {"maximum": 5}]},
}
DEFINITION = named(
    "gadgets.NS.example.com",
    spec={
        "group": "NS.example.com",
        "names": {"plural": "gadgets", "kind": "Gadget"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": PROPERTIES}},
                    }
                },
            }
        ],
    },
)


def gadget(**spec: Any) -> Step:
    return (
        "POST",
        f"{PATH}?dryRun=All",
        {"apiVersion": "NS.example.com/v1", "kind": "Gadget", **named("g", spec=spec)},
    )


SCENARIOS: dict[str, list[Step]] = {
    "values": [
        ("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION),
        ("WAIT", PATH, None),
        gadget(),
        gadget(keyed=[{"name": "a"}], either=3, maybe=None, free={"a": {"b": None}}, gone=1, filled={"gone": 2}),
        gadget(whole=0),
        gadget(whole=9),
        gadget(whole=3),
        gadget(whole=2.5),
        gadget(part=0.5),
        gadget(word="a"),
        gadget(word="abcde"),
        gadget(word="A1"),
        gadget(when="now"),
        gadget(day="2026-13-01"),
        gadget(bytes="!"),
        gadget(small=2**40),
        gadget(list=[]),
        gadget(list=["a", "b", "c"]),
        gadget(list=["a", 1]),
        gadget(set=["a", "b", "a"]),
        gadget(keyed=[{"name": "a"}, {"name": "a"}]),
        gadget(keyed=[{}]),
        gadget(amounts={}),
        gadget(amounts={"a": 1, "b": 2, "c": 3}),
        gadget(amounts={"a": "x"}),
        gadget(either=True),
        gadget(kind="c"),
        gadget(one={}),
        gadget(one={"a": "1", "b": "2"}),
        gadget(any={}),
        gadget(none="bad"),
        gadget(both=1),
        gadget(both=9),
        gadget(whole="x"),
        gadget(list={}),
        gadget(amounts=[]),
        gadget(word=None),
    ],
}
