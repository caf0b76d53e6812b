"""`podSpecPatch`: a strategic merge of a YAML or JSON text into a pod's spec, as the API server merges.

The merge keys are those of PodSpec (`patchMergeKey` in k8s.io/api/core/v1, 1.34). The embedded API server knows those of every type; these stand here because
the engine also runs against a real cluster. Below a pod's spec a field's name alone says how its list merges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from harness.kube.errors import ApiError
from harness.kube.strategic import strategic_merge
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
    "resourceClaims": "name",
    "schedulingGates": "name",
}


class _PodSpec:
    """Implements `harness.kube.strategic.MergeSchema`."""

    def inner(self, _field: str) -> _PodSpec:
        """The same rules at every depth."""
        return self

    def merge_key(self, field: str) -> str | None:
        """The key of a list."""
        return _MERGE_KEYS.get(field)


def apply_patch(spec: Mapping[str, Any], patch: str) -> dict[str, Any]:
    """`spec` with the patch merged in. Raises InvalidSpec when the patch is not a mapping, or cannot be merged."""
    try:
        parsed = yaml.safe_load(patch)
    except yaml.YAMLError as error:
        raise InvalidSpec(f"podSpecPatch is neither JSON nor YAML: {error}") from error
    if not isinstance(parsed, Mapping):
        raise InvalidSpec(f"podSpecPatch has to be a mapping of pod spec fields, not {type(parsed).__name__}")
    try:
        merged: dict[str, Any] = strategic_merge(spec, parsed, _PodSpec())
    except ApiError as error:
        raise InvalidSpec(f"podSpecPatch cannot be merged into the pod's spec: {error}") from error
    return merged
