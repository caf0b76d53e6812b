"""What a write through a subresource changes: the status with the metadata that goes with it, or a namespace's finalizers; all else stays.

Upstream each strategy of `pkg/registry` takes back what its status may not touch. Most take back the spec alone, so that labels, annotations, finalizers and
owners are stored; found by writing to each kind's status on a 1.34 server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.decoding import decode_status
from harness.cluster.store.registry import Served
from harness.kube.errors import NotFound
from harness.kube.objects import Object
from harness.kube.resources import API_SERVICES, DEPLOYMENTS, NAMESPACES, PODS, VOLUME_ATTACHMENTS

Draft = dict[str, Any]
_ALL = ("labels", "annotations", "finalizers", "ownerReferences")
_KEPT: Mapping[str, tuple[str, ...]] = {
    PODS.group_resource: ("ownerReferences",),
    DEPLOYMENTS.group_resource: ("labels",),
    API_SERVICES.group_resource: _ALL,
    VOLUME_ATTACHMENTS.group_resource: _ALL,
}
"""What a write to the status does not change in metadata; where nothing is said it changes what a write to the object changes."""


def written_through(served: Served, before: Object, candidate: Mapping[str, Any], subresource: str) -> Draft:
    """What `candidate`, whose metadata is settled, makes of `before`. Raises BadRequest, Invalid, and NotFound for a subresource not written so."""
    resource = served.resource
    if subresource == "status" and "status" in resource.subresources:
        new: Draft = {**before, "metadata": _metadata(served, before["metadata"], candidate["metadata"])}
        status = decode_status(served, candidate.get("status") or {}, before)
        if status or not served.custom:
            new["status"] = status
        else:
            new.pop("status", None)
        return new
    if subresource == "finalize" and resource == NAMESPACES:
        return {**before, "spec": candidate.get("spec") or {}}
    raise NotFound("the server could not find the requested resource", details={})


def _metadata(served: Served, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    if served.custom or wanted is before:
        return before
    kept = _KEPT.get(served.resource.group_resource, ())
    metadata = {key: value for key, value in wanted.items() if key not in kept}
    metadata |= {key: before[key] for key in kept if key in before}
    return before if metadata == before else metadata
