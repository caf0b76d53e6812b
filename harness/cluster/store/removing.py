"""Taking objects away: at once, or marked until finalizers and grace let them go; instances go with their definition."""

from __future__ import annotations

from harness.cluster.store import metadata as meta
from harness.cluster.store.apply import Ownership
from harness.cluster.store.core import Core
from harness.cluster.store.definitions import CLEANUP, served_by
from harness.cluster.store.deletion import Deletion, after_delete, is_free
from harness.kube.client import Propagation
from harness.kube.objects import Object, is_deleting
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource


def delete(
    core: Core,
    resource: Resource,
    namespace: str | None,
    name: str,
    *,
    grace_period_s: int | None = None,
    propagation: Propagation | None = "Background",
    uid: str | None = None,
    resource_version: str | None = None,
    dry_run: bool = False,
) -> Object:
    """Delete, as far as finalizers and grace let it; the answer is the object as it is then. Raises Conflict, Forbidden, NotFound."""
    resource = core.registry.storage(resource).resource
    old = core.existing(resource, namespace, name)
    meta.require_preconditions(resource, old.obj, uid, resource_version)
    core.admission.require_deletable(resource, name)
    marked, gone = after_delete(resource, old.obj, Deletion(grace_period_s, propagation, core.kernel.now))
    if dry_run:
        return marked
    place = (namespace or "", name)
    if gone:
        return remove(core, resource, place, marked)
    stored = old.obj if marked == old.obj else core.commit(resource, place, marked).obj
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        _delete_instances(core, stored)
    return stored


def remove(
    core: Core, resource: Resource, place: tuple[str, str], obj: Object, ownership: Ownership | None = None
) -> Object:
    """Take away what nothing holds any more, and with the last instance its definition."""
    gone = core.commit(resource, place, obj, gone=True, ownership=ownership).obj
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        core.registry = core.registry.without(served_by(gone)[0].resource)
    elif any(served.custom and served.resource == resource for served in core.registry.served):
        definition = core.get(CUSTOM_RESOURCE_DEFINITIONS, None, resource.group_resource)
        if definition is not None and is_deleting(definition):
            _release(core, definition, resource)
    return gone


def _delete_instances(core: Core, definition: Object) -> None:
    """The instances go with their definition, which stays until the last of them has gone."""
    resource = served_by(definition)[0].resource
    for stored in core.stored_list(resource):
        metadata = stored.obj["metadata"]
        delete(core, resource, metadata.get("namespace"), metadata["name"])
    present = core.get(CUSTOM_RESOURCE_DEFINITIONS, None, definition["metadata"]["name"])
    if present is not None:
        _release(core, present, resource)


def _release(core: Core, definition: Object, resource: Resource) -> None:
    """Let a definition that goes away go, when it has no instances any more."""
    if core.stored_list(resource):
        return
    metadata = definition["metadata"]
    finalizers = [finalizer for finalizer in metadata.get("finalizers") or () if finalizer != CLEANUP]
    rest = {key: value for key, value in metadata.items() if key != "finalizers"}
    released = {**definition, "metadata": {**rest, "finalizers": finalizers} if finalizers else rest}
    place = ("", str(metadata["name"]))
    if is_free(CUSTOM_RESOURCE_DEFINITIONS, released):
        remove(core, CUSTOM_RESOURCE_DEFINITIONS, place, released)
    else:
        core.commit(CUSTOM_RESOURCE_DEFINITIONS, place, released)
