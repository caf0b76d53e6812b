"""`podSpecPatch`: a strategic merge of a YAML or JSON text into a pod's spec.

The merge keys are those of PodSpec (`patchMergeKey` in k8s.io/api/core/v1, 1.34). The embedded API server has the full rule set for every type;
this is the part a pod's spec needs, kept here because the engine also runs against a real cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from harness.workflows.errors import InvalidSpec

_MERGE_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "ports": "containerPort",
}


def apply_patch(spec: Mapping[str, Any], patch: str) -> dict[str, Any]:
    """`spec` with the patch merged in. Raises InvalidSpec when the patch is not a mapping."""
    try:
        parsed = yaml.safe_load(patch)
    except yaml.YAMLError as error:
        raise InvalidSpec(f"podSpecPatch is neither JSON nor YAML: {error}") from error
    if not isinstance(parsed, Mapping):
        raise InvalidSpec(f"podSpecPatch has to be a mapping of pod spec fields, not {type(parsed).__name__}")
    return _merge(spec, parsed)


def _merge(target: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(target) if isinstance(target, Mapping) else {}
    if patch.get("$patch") == "replace":
        result = {}
    for key, value in patch.items():
        if key == "$patch":
            continue
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = _merge(result.get(key), value)
        elif isinstance(value, list) and key in _MERGE_KEYS:
            result[key] = _merge_list(result.get(key) or [], value, _MERGE_KEYS[key])
        else:
            result[key] = value
    return result


def _merge_list(target: list[Any], patch: list[Any], key: str) -> list[Any]:
    """Merge by key; upstream puts items that are new before those that were there only when it merges by order, here they follow."""
    result = [dict(item) for item in target]
    for item in patch:
        if not isinstance(item, Mapping) or key not in item:
            raise InvalidSpec(f"podSpecPatch: an item of a list that is merged by {key} has no {key}: {item!r}")
        place = next((index for index, old in enumerate(result) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(_merge({}, item))
        else:
            result[place] = _merge(result[place], item)
    return result
