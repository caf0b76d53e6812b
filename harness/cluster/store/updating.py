"""Updating an object, by replacing or patching it or one of its subresources: what the request may write, then one commit; a change of nothing is none.

Follows Kubernetes 1.34 `apiserver/pkg/registry/generic/registry/store.go` (Update) and the strategies of `pkg/registry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store import metadata as meta
from harness.cluster.store.admission import default_toleration_seconds
from harness.cluster.store.apply import Claim, Write, given_in, rehearsed, scaled, touches_managed, with_entries
from harness.cluster.store.conversion import from_storage, to_storage
from harness.cluster.store.core import Core
from harness.cluster.store.decoding import check_patched, decode_metadata, decode_object
from harness.cluster.store.definitions import check_definition, default_definition, served_by
from harness.cluster.store.deletion import is_free
from harness.cluster.store.drafting import Draft, complete, draft_of, refuse
from harness.cluster.store.fieldvalidation import Strictness
from harness.cluster.store.log import Stored
from harness.cluster.store.patching import apply_patch
from harness.cluster.store.registry import Served
from harness.cluster.store.removing import remove
from harness.cluster.store.rules import check_rules
from harness.cluster.store.subresources import written_through
from harness.cluster.store.types import message_of
from harness.cluster.store.validation import check_update
from harness.kube.client import PatchType
from harness.kube.objects import Object, is_deleting
from harness.kube.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    SERVICES,
    Resource,
)

_CHECKED_UPDATES = frozenset({PERSISTENT_VOLUME_CLAIMS, SERVICES})
"""The types of which validating admission looks at updates, too."""


def replace(
    core: Core,
    resource: Resource,
    obj: Mapping[str, Any],
    *,
    subresource: str = "",
    manager: str = "",
    dry_run: bool = False,
    strict: Strictness = False,
) -> Object:
    """Replace what has the same name. Raises BadRequest, Conflict, Invalid, NotFound."""
    served, asked = core.registry.storage(resource), core.registry.asked(resource)
    draft = draft_of(served, asked, obj, strict=strict)
    name = str(draft["metadata"].get("name") or "")
    old = core.existing(served.resource, draft["metadata"].get("namespace"), name)
    meta.require_version_stated(asked.resource, draft, name, custom=asked.custom)
    claim = Claim(Write(core.registry, asked, manager, core.kernel.now, subresource), given_in(obj))
    return update(core, served, old, draft, claim, dry_run=dry_run, strict=strict)


def patch(
    core: Core,
    resource: Resource,
    namespace: str | None,
    name: str,
    patch: Any,
    *,
    kind: PatchType = "merge",
    subresource: str = "",
    manager: str = "",
    dry_run: bool = False,
    strict: Strictness = False,
    scaling: bool = False,
) -> Object:
    """Patch the object or its subresource; `scaling` says that a Scale of it was written, which then owns the replicas.

    Raises BadRequest, Conflict, Invalid, NotFound.
    """
    served, asked = core.registry.storage(resource), core.registry.asked(resource)
    old = core.existing(served.resource, namespace, name)
    message = None if asked.custom else message_of(asked.resource)
    shown = old.obj if asked is served else from_storage(asked.resource, old.obj)
    touches = touches_managed(patch)
    patched = apply_patch(with_entries(shown, old.managed()) if touches else shown, patch, kind, message)
    meta.require_name(patched, name)
    check_patched(asked, patched, strict)
    draft = dict(patched)
    meta.require_version_stated(asked.resource, draft, name, custom=asked.custom)
    meta.fit_type(asked.resource, draft)
    if asked is not served:
        draft = to_storage(asked.resource, served.resource, draft)
    write = Write(core.registry, asked, manager, core.kernel.now, subresource)
    meta.require_same_uid(served.resource, draft, old.obj)
    claim = Claim(write, given_in(patched) if touches else None)
    if scaling:
        claim = Claim(write, known=scaled(write, old.managed(), shown, draft))
    return update(core, served, old, draft, claim, dry_run=dry_run, strict=False)


def update(
    core: Core,
    served: Served,
    old: Stored,
    candidate: Mapping[str, Any],
    claim: Claim,
    *,
    dry_run: bool,
    strict: Strictness,
) -> Object:
    """Store `candidate` in place of `old`, as far as the (sub)resource lets it write; a change of nothing is none."""
    resource, before, subresource = served.resource, old.obj, claim.write.subresource
    metadata = before["metadata"]
    if not subresource or candidate["metadata"] is not metadata:  # a patch of the status alone leaves it as it is
        metadata = meta.settle(resource, decode_metadata(resource, candidate["metadata"], metadata), before)
    wanted = {**candidate, "metadata": metadata}
    new = (
        _settled(core, served, before, wanted, strict=strict)
        if not subresource
        else written_through(served, before, wanted, subresource)
    )
    for part in ("spec", "status"):
        if part in before and new.get(part) == before[part]:
            new[part] = before[part]  # shared, so that it is neither frozen nor compared again
    if resource == PODS and not subresource:
        claim = claim.before_admission(old, candidate, new)
    if new == before and not claim.moves(old):
        return before
    if served.custom:
        refuse(resource, str(metadata["name"]), check_rules(served.schema, new, before))
    ownership = claim.ownership(old)
    checked = not subresource and resource in _CHECKED_UPDATES and new.get("spec") != before.get("spec")
    charges = core.admission.validate(resource, new, before, core.kernel.now) if checked else []
    if dry_run:
        return rehearsed(new, ownership)
    core.pay(charges)
    name = str(metadata["name"])
    place = (str(metadata.get("namespace") or ""), name)
    if is_deleting(new) and is_free(resource, new):
        return remove(core, resource, place, new, ownership)
    stored = core.commit(resource, place, new, ownership=ownership).obj
    if resource == CUSTOM_RESOURCE_DEFINITIONS and not subresource:
        core.registry = core.registry.with_custom(served_by(stored))
    return stored


def _settled(core: Core, served: Served, before: Object, new: Draft, *, strict: Strictness) -> Draft:
    """An update of the main resource: the status stays, what is asked for is completed, checked and counted."""
    resource = served.resource
    if "status" in resource.subresources:
        new.pop("status", None)
        if "status" in before:
            new["status"] = before["status"]
    if resource == NAMESPACES and "spec" in before:
        new["spec"] = before["spec"]
    content = [key for key in dict.fromkeys((*before, *new)) if key not in {"metadata", "status"}]
    if "status" not in resource.subresources and served.custom:
        content.append("status")
    if any(new.get(key) != before.get(key) for key in content):
        new = decode_object(served, new, strict=strict)
        _recomplete(core, served, before, new, strict=strict)
    changed = any(new.get(key) != before.get(key) for key in content)
    if changed or (resource.plural == "deployments" and _annotations(new) != _annotations(before)):
        generation = before["metadata"].get("generation")
        if generation is not None:
            new["metadata"] = {**new["metadata"], "generation": generation + 1}
    return new


def _recomplete(core: Core, served: Served, before: Object, new: Draft, *, strict: Strictness) -> None:
    resource, name = served.resource, str(new["metadata"]["name"])
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        refuse(resource, name, check_definition(new))
        status = new.get("status")
        default_definition(new, core.now)
        new["status"] = status
        return
    if resource == PODS:
        _keep_admitted(before, new)
        default_toleration_seconds(new["spec"])
    elif resource == SERVICES:
        meta.keep_allocated(new["spec"], before["spec"])
    complete(served, new, core.now, strict=strict)
    refuse(resource, name, check_update(resource, new, before))
    if resource == SERVICES:
        core.addresses.allocate(new)


def _annotations(obj: Object) -> Mapping[str, str]:
    annotations: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return annotations


def _keep_admitted(before: Object, new: Draft) -> None:
    """What admission gave a pod stays when a replace leaves it out, as a client's older manifest does."""
    for key in ("serviceAccountName", "serviceAccount", "priority", "preemptionPolicy", "nodeName"):
        if key in before["spec"]:
            new.setdefault("spec", {}).setdefault(key, before["spec"][key])
