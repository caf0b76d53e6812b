"""`fieldValidation=Strict`, thin: unknown fields at the top of an object of a built-in kind. Deeper ones pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store import Served
from harness.kube.errors import BadRequest

_TYPED = ("apiVersion", "kind", "metadata")
_SPEC = ("spec", "status")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("data", "binaryData", "immutable"),
    "Secret": ("data", "stringData", "type", "immutable"),
    "ServiceAccount": ("secrets", "imagePullSecrets", "automountServiceAccountToken"),
    "PriorityClass": ("value", "globalDefault", "description", "preemptionPolicy"),
    "StorageClass": (
        "provisioner",
        "parameters",
        "reclaimPolicy",
        "mountOptions",
        "allowVolumeExpansion",
        "volumeBindingMode",
        "allowedTopologies",
    ),
    "Role": ("rules",),
    "ClusterRole": ("rules", "aggregationRule"),
    "RoleBinding": ("subjects", "roleRef"),
    "ClusterRoleBinding": ("subjects", "roleRef"),
    "Event": (
        "involvedObject",
        "reason",
        "message",
        "source",
        "firstTimestamp",
        "lastTimestamp",
        "count",
        "type",
        "eventTime",
        "series",
        "action",
        "related",
        "reportingComponent",
        "reportingInstance",
    ),
}


def check_strict(served: Served, obj: Mapping[str, Any], mode: str) -> None:
    """Raises BadRequest in strict mode when a top-level field is none of the kind's."""
    if mode != "Strict" or served.custom or not isinstance(obj, Mapping):
        return
    kind = served.resource.kind
    known = (*_TYPED, *_FIELDS.get(kind, _SPEC))
    unknown = [f'unknown field "{key}"' for key in obj if key not in known and not key.startswith("$")]
    if unknown:
        raise BadRequest(
            f'{kind} in version "{served.resource.version}" cannot be handled as a {kind}: strict decoding error: {", ".join(unknown)}'
        )
