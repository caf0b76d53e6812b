"""Strategic merge patch: JSON merge patch that merges well-known lists by a key.

Follows apimachinery `pkg/util/strategicpatch` (1.34) with the merge keys of the built-in types (`patchMergeKey` in `k8s.io/api`). The keys depend on the
field's name and, where a name means two things, on what its items have. Directives: `$patch: delete | replace | merge`, `$deleteFromPrimitiveList/<field>`,
`$retainKeys`; `$setElementOrder/<field>` is ignored, so merged lists keep their present order with new items at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.kube.errors import BadRequest

_MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "secrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "conditions": "type",
    "addresses": "type",
    "podIPs": "ip",
    "hostIPs": "ip",
    "taints": "key",
    "ownerReferences": "uid",
}
_PORTS = ("containerPort", "port")  # of a container, of a service
_PRIMITIVE_SETS = frozenset({"finalizers", "podCIDRs"})
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"


def strategic_merge_patch(target: Any, patch: Mapping[str, Any]) -> Any:
    """`target` with `patch` merged in."""
    return _merge_map(target, patch)


def _merge_map(target: Any, patch: Mapping[str, Any]) -> Any:
    directive = patch.get("$patch")
    if directive == "replace":
        return _without_directives(patch)
    if directive == "delete":
        return {}
    if directive not in {None, "merge"}:
        raise BadRequest(f"unrecognized patch directive $patch: {directive}, write replace, delete or merge")
    result = dict(target) if isinstance(target, Mapping) else {}
    if "$retainKeys" in patch:
        kept = patch["$retainKeys"]
        result = {key: value for key, value in result.items() if key in kept}
    for key, value in patch.items():
        if key.startswith(_DELETE_PRIMITIVES):
            field = key.removeprefix(_DELETE_PRIMITIVES)
            if field in result:
                result[field] = [item for item in result[field] if item not in value]
        elif not key.startswith("$"):
            _merge_field(result, key, value)
    return result


def _merge_field(result: dict[str, Any], key: str, value: Any) -> None:
    if value is None or (isinstance(value, Mapping) and value.get("$patch") == "delete"):
        result.pop(key, None)
    elif isinstance(value, Mapping):
        result[key] = _merge_map(result.get(key), value)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        result[key] = _merge_list(key, result.get(key), value)
    else:
        result[key] = value


def _merge_list(field: str, target: Any, patch: Sequence[Any]) -> list[Any]:
    present = list(target) if isinstance(target, Sequence) else []
    if field in _PRIMITIVE_SETS:
        return [*present, *(item for item in patch if item not in present)]
    key = _merge_key(field, [*present, *patch])
    if key is None or any(isinstance(item, Mapping) and item.get("$patch") == "replace" for item in patch):
        return [_without_directives(item) for item in patch if not _is_directive(item)]
    for item in patch:
        if not isinstance(item, Mapping) or key not in item:
            raise BadRequest(f"map: {item!r} does not contain declared merge key: {key}")
        position = next((i for i, old in enumerate(present) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if position is not None:
                del present[position]
        elif position is None:
            present.append(_without_directives(item))
        else:
            present[position] = _merge_map(present[position], item)
    return present


def _merge_key(field: str, items: Sequence[Any]) -> str | None:
    if not all(isinstance(item, Mapping) for item in items):
        return None
    if field == "ports":
        return next((key for key in _PORTS if any(key in item for item in items)), None)
    return _MERGE_KEYS.get(field)


def _is_directive(item: Any) -> bool:
    return isinstance(item, Mapping) and set(item) == {"$patch"}


def _without_directives(value: Any) -> Any:
    """What is new has nothing to merge with: its directives only vanish."""
    if isinstance(value, Mapping):
        return {
            key: _without_directives(item)
            for key, item in value.items()
            if not key.startswith("$") and item is not None
        }
    if isinstance(value, list | tuple):
        return [_without_directives(item) for item in value if not _is_directive(item)]
    return value
