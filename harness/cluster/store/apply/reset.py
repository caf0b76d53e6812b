"""Fields that a (sub)resource takes back whatever is written, so that nobody comes to own them through it (`GetResetFields` of upstream's strategies)."""

from __future__ import annotations

from harness.cluster.store.apply.fieldsets import EMPTY, FieldSet, of_paths
from harness.cluster.store.apply.shapes import shape_of
from harness.cluster.store.registry import Served
from harness.kube.resources import API_SERVICES, CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, PODS, VOLUME_ATTACHMENTS

_STATUS = of_paths(("f:status",))
_SPEC = of_paths(("f:spec",))
_ALL = of_paths(("f:spec",), ("f:metadata",))
_OF_STATUS = {
    API_SERVICES.group_resource: _ALL,
    VOLUME_ATTACHMENTS.group_resource: _ALL,
    PODS.group_resource: of_paths(
        ("f:spec",), ("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:ownerReferences")
    ),
    DEPLOYMENTS.group_resource: of_paths(("f:spec",), ("f:metadata", "f:labels")),
    CUSTOM_RESOURCE_DEFINITIONS.group_resource: _ALL,
}


def reset_fields(served: Served, subresource: str) -> FieldSet:
    """What a write through `subresource` (empty: the resource itself) cannot set."""
    if subresource == "status":
        if served.custom:
            return FieldSet(frozenset(f"f:{name}" for name in shape_of(served).fields if name != "status"), {})
        return _OF_STATUS.get(served.resource.group_resource, _SPEC)
    return _STATUS if "status" in served.resource.subresources else EMPTY
