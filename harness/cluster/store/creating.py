"""Creating an object, in the order of the API server: type and metadata, defaults, admission, mutators, validation, one commit.

Follows Kubernetes 1.34 `apiserver/pkg/registry/generic/registry/store.go` (Create).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store import metadata as meta
from harness.cluster.store.apply import NO_DEFINITION, Managed, Ownership, Write, given_in, parts_of, rehearsed
from harness.cluster.store.core import Core
from harness.cluster.store.defaults import default
from harness.cluster.store.defaults.status import begin_status
from harness.cluster.store.definitions import CLEANUP, served_by
from harness.cluster.store.drafting import Draft, complete, draft_of, refuse
from harness.cluster.store.fieldvalidation import Strictness
from harness.cluster.store.registry import Served
from harness.cluster.store.rules import check_rules
from harness.cluster.store.validation import check, check_metadata
from harness.kube.errors import AlreadyExists
from harness.kube.objects import Object, new_object
from harness.kube.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)

_ADMITTED = frozenset({PODS, PERSISTENT_VOLUME_CLAIMS})
_NAME_ATTEMPTS = 8


def create(
    core: Core,
    resource: Resource,
    obj: Mapping[str, Any],
    *,
    manager: str = "",
    dry_run: bool = False,
    strict: Strictness = False,
    applied: Managed | None = None,
) -> Object:
    """Create; `metadata.generateName` is honoured; `strict` refuses unknown fields, which otherwise vanish.

    The field manager owns what it states; an apply has worked that out already (`applied`).
    AlreadyExists, BadRequest, Forbidden, Invalid, NotFound.
    """
    served, asked = core.registry.storage(resource), core.registry.asked(resource)
    draft = draft_of(served, asked, obj, strict=strict)
    resource = served.resource
    namespace = meta.fit_namespace(resource, draft)
    name = _name(core, resource, namespace, draft["metadata"])
    if namespace:
        core.admission.require_namespace(resource, namespace, name)
    _begin(core, served, draft)
    complete(served, draft, core.now, strict=strict)
    write = Write(core.registry, asked, manager, core.kernel.now)
    ownership = _claim(core, write, obj, draft) if applied is None else Ownership.known(applied)
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        ownership = _accepted(core, write, draft, ownership)
    core.admission.admit(resource, draft)
    for mutator in core.mutators:
        mutator.admit(resource, draft)
    if core.mutators:
        default(resource, draft)
    refuse(resource, name, check_metadata(resource, draft["metadata"]) + check(resource, draft))
    if served.custom:
        refuse(resource, name, check_rules(served.schema, draft, None))
    if resource == SERVICES:
        core.addresses.allocate(draft)
    if "status" in resource.subresources and resource != CUSTOM_RESOURCE_DEFINITIONS and not served.custom:
        begin_status(resource, draft, core.now)
    charges = core.admission.validate(resource, draft, None, core.kernel.now)
    if core.stored(resource, namespace, name) is not None:
        raise AlreadyExists.of(resource, name)
    if dry_run:
        return rehearsed(draft, ownership)
    core.pay(charges)
    created = core.commit(resource, (namespace, name), draft, ownership=ownership).obj
    _after_create(core, resource, created)
    return created


def _name(core: Core, resource: Resource, namespace: str, metadata: Draft) -> str:
    """The object's name, drawn when only generateName is given."""
    base = metadata.get("generateName")
    if not metadata.get("name") and base:
        purpose = f"generateName/{resource.group_resource}"
        for _ in range(_NAME_ATTEMPTS):
            metadata["name"] = meta.generate_name(base, core.seeds.suffix(purpose))
            if core.stored(resource, namespace, metadata["name"]) is None:
                break
    name = str(metadata.get("name") or "")
    if not name:
        refuse(resource, name, check_metadata(resource, metadata))
    return name


def _begin(core: Core, served: Served, draft: Draft) -> None:
    """What the system gives."""
    resource = served.resource
    uid = core.seeds.uid(f"uid/{resource.group_resource}")
    counted = meta.has_generation(resource, custom=served.custom)
    meta.begin(draft["metadata"], uid=uid, now=core.now, generation=counted)


def _claim(core: Core, write: Write, sent: Mapping[str, Any], draft: Draft) -> Ownership:
    """What the creator owns: what it asked for, before admission adds to it."""
    resource = write.asked.resource
    parts = None
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        parts = parts_of({**draft, "metadata": _as_sent(draft["metadata"]), "status": NO_DEFINITION["status"]})
    elif resource == SERVICES:
        parts = parts_of({**draft, "spec": meta.without_allocated(draft["spec"], sent.get("spec"))})
    elif resource in _ADMITTED or core.mutators:
        parts = parts_of(draft)
    return Ownership(write, None, draft=parts, given=given_in(sent))


def _as_sent(metadata: Draft) -> Draft:
    """Without the finalizer that holds a definition for its instances, which nobody owns."""
    kept = [finalizer for finalizer in metadata["finalizers"] if finalizer != CLEANUP]
    rest = {key: value for key, value in metadata.items() if key != "finalizers"}
    return {**rest, "finalizers": kept} if kept else rest


def _accepted(core: Core, write: Write, draft: Draft, created: Ownership) -> Ownership:
    """The API server itself accepts a definition's names: a moment later upstream, at once here; the fields of the status are its own."""
    status = {**NO_DEFINITION["status"], "storedVersions": draft["status"]["storedVersions"]}
    accepting = Write(core.registry, write.asked, "kube-apiserver", core.kernel.now, "status")
    return Ownership(accepting, ({**draft, "status": status}, created))


def _after_create(core: Core, resource: Resource, created: Object) -> None:
    """What there is only because the object is."""
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        core.registry = core.registry.with_custom(served_by(created))
    elif resource == NAMESPACES:
        # Upstream a controller does this a moment later; here nothing can run in a namespace without its account.
        name = created["metadata"]["name"]
        create(core, SERVICE_ACCOUNTS, new_object(SERVICE_ACCOUNTS, "default", name))
