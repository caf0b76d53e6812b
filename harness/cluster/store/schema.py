"""Structural schemas of custom resources: what they prune, fill in and refuse (apiextensions-apiserver `pkg/apiserver/schema`).

Values are checked by `schemavalues`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.schemavalues import check_value
from harness.kube.errors import Cause
from harness.kube.objects import thaw

Draft = dict[str, Any]
_SYSTEM = ("apiVersion", "kind", "metadata")
_EMBEDDED = frozenset(_SYSTEM)


def conform(draft: Draft, schema: Mapping[str, Any], unknown: list[str]) -> list[Cause]:
    """Prune and default a custom object in place, noting what is pruned; the answer is what is wrong with the rest."""
    system = {key: draft.pop(key) for key in _SYSTEM if key in draft}
    properties = {key: rule for key, rule in (schema.get("properties") or {}).items() if key not in _EMBEDDED}
    wanted = [key for key in schema.get("required") or () if key not in _EMBEDDED]
    content = {**schema, "properties": properties, "required": wanted}
    _prune(draft, content, "", unknown)
    _default(draft, content)
    causes = check_value(draft, content, "")
    filled = dict(draft)
    draft.clear()
    draft.update(system, **filled)
    return causes


def _prune(value: Any, schema: Mapping[str, Any], path: str, unknown: list[str]) -> None:
    if isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, Mapping):
            for position, item in enumerate(value):
                _prune(item, items, f"{path}[{position}]", unknown)
        return
    if not isinstance(value, dict):
        return
    properties: Mapping[str, Any] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    kept = others is True or schema.get("x-kubernetes-preserve-unknown-fields")
    embedded = schema.get("x-kubernetes-embedded-resource")
    for key in list(value):
        here = f"{path}.{key}" if path else key
        rule = properties.get(key)
        if isinstance(rule, Mapping):
            _prune(value[key], rule, here, unknown)
        elif isinstance(others, Mapping):
            _prune(value[key], others, here, unknown)
        elif not kept and not (embedded and key in _EMBEDDED):
            del value[key]
            unknown.append(here)


def _default(value: Any, schema: Mapping[str, Any]) -> None:
    """Fill in defaults; a null where none may be counts as left out."""
    if isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, Mapping):
            for item in value:
                _default(item, items)
        return
    if not isinstance(value, dict):
        return
    properties: Mapping[str, Any] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    for key, rule in properties.items():
        if key in value and value[key] is None and not rule.get("nullable"):
            del value[key]
        if key not in value and "default" in rule:
            value[key] = thaw(rule["default"])
        if key in value:
            _default(value[key], rule)
    if isinstance(others, Mapping):
        for key in value:
            if key not in properties:
                _default(value[key], others)
