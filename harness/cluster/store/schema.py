"""Structural schemas of custom resources: defaults, pruning and a thin validation (apiextensions-apiserver `pkg/apiserver/schema`).

Known here: type, properties, additionalProperties, items, required, enum, default, minimum, maximum, pattern, nullable, x-kubernetes-preserve-unknown-fields,
x-kubernetes-int-or-string. Anything else in a schema (CEL rules, oneOf, formats) passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.cluster.store.validation.causes import invalid, required, unsupported
from harness.kube.errors import Cause
from harness.kube.objects import thaw

Draft = dict[str, Any]
_SYSTEM = ("apiVersion", "kind", "metadata")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def conform(draft: Draft, schema: Mapping[str, Any], unknown: list[str]) -> list[Cause]:
    """Default and prune a custom object in place, noting what is pruned; the answer is what is wrong with the rest."""
    system = {key: draft.pop(key) for key in _SYSTEM if key in draft}
    causes = _conform(draft, schema, "", unknown)
    content = dict(draft)
    draft.clear()
    draft.update(system, **content)
    return causes


def _conform(value: Any, schema: Mapping[str, Any], path: str, unknown: list[str]) -> list[Cause]:
    if value is None and schema.get("nullable"):
        return []
    wanted = str(schema.get("type", ""))
    if wanted in _TYPES and not _has_type(value, wanted):
        detail = f'{path} in body must be of type {wanted}: "{_type_name(value)}"'
        return [Cause(path, "FieldValueTypeInvalid", f'Invalid value: "{_type_name(value)}": {detail}')]
    causes = _check_value(value, schema, path)
    if isinstance(value, dict):
        causes += _conform_object(value, schema, path, unknown)
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for position, item in enumerate(value):
            causes += _conform(item, schema["items"], f"{path}[{position}]", unknown)
    return causes


def _conform_object(value: Draft, schema: Mapping[str, Any], path: str, unknown: list[str]) -> list[Cause]:
    properties: Mapping[str, Any] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    for key, rule in properties.items():
        if key not in value and "default" in rule:
            value[key] = thaw(rule["default"])
    if not path:
        properties = {key: rule for key, rule in properties.items() if key not in _SYSTEM}
    causes: list[Cause] = []
    for key in list(value):
        here = f"{path}.{key}" if path else key
        if key in properties:
            if value[key] is None and not properties[key].get("nullable"):
                del value[key]
            else:
                causes += _conform(value[key], properties[key], here, unknown)
        elif isinstance(others, Mapping):
            causes += _conform(value[key], others, here, unknown)
        elif not (others is True or schema.get("x-kubernetes-preserve-unknown-fields")):
            del value[key]
            unknown.append(here)
    for key in schema.get("required") or ():
        if key not in value and (path or key not in _SYSTEM):
            causes.append(required(f"{path}.{key}" if path else key))
    return causes


def _check_value(value: Any, schema: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    if "enum" in schema and value not in schema["enum"]:
        causes.append(unsupported(path, value, [str(choice) for choice in schema["enum"]]))
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            causes.append(
                invalid(path, value, f"{path} in body should be greater than or equal to {schema['minimum']}")
            )
        if "maximum" in schema and value > schema["maximum"]:
            causes.append(invalid(path, value, f"{path} in body should be less than or equal to {schema['maximum']}"))
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        causes.append(invalid(path, value, f"{path} in body should match '{schema['pattern']}'"))
    return causes


def _has_type(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[wanted])


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    return next(
        (name for name in ("boolean", "integer", "number", "string", "array", "object") if _has_type(value, name)),
        "unknown",
    )
