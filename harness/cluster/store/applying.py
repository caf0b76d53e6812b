"""Server-side apply: the merge (`harness.cluster.store.apply`) between reading the object and the way that every create and update goes."""

from __future__ import annotations

from typing import Any

from harness.cluster.store import metadata as meta
from harness.cluster.store.apply import Claim, Write, apply_config, check_config, scale_applied
from harness.cluster.store.conversion import from_storage, to_storage
from harness.cluster.store.core import Core
from harness.cluster.store.creating import create
from harness.cluster.store.fieldvalidation import Strictness
from harness.cluster.store.updating import update
from harness.kube.errors import Conflict, NotFound
from harness.kube.objects import Object
from harness.kube.resources import Resource


def apply(
    core: Core,
    resource: Resource,
    namespace: str | None,
    name: str,
    config: Any,
    *,
    manager: str,
    force: bool = False,
    subresource: str = "",
    dry_run: bool = False,
    strict: Strictness = False,
) -> tuple[Object, bool]:
    """Server-side apply; the object as it is then, and whether it was created.

    Raises ApplyConflict, BadRequest, Conflict, Invalid, NotFound, Unapplicable.
    """
    served, asked = core.registry.storage(resource), core.registry.asked(resource)
    config = check_config(asked.resource, config)
    old = core.stored(served.resource, namespace if served.resource.namespaced else None, name)
    write = Write(core.registry, asked, manager, core.kernel.now, subresource, "Apply")
    if old is None:
        if subresource:
            raise NotFound.of(served.resource, name)
        new, managed = apply_config(write, None, {}, config, force=force)
        meta.fit_place(asked.resource, new, namespace, name)
        if (uid := (new.get("metadata") or {}).get("uid")) is not None:
            why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            raise Conflict.of(served.resource, name, why)
        made = create(core, asked.resource, new, manager=manager, dry_run=dry_run, strict=strict, applied=managed)
        return made, True
    live = old.obj if asked is served else from_storage(asked.resource, old.obj)
    new, managed = apply_config(write, live, old.managed(), config, force=force)
    draft = dict(live if new is None else new)
    meta.fit_place(asked.resource, draft, namespace, name)
    if asked is not served:
        draft = to_storage(asked.resource, served.resource, draft)
    meta.require_same_uid(served.resource, draft, old.obj)
    claim = Claim(write, known=managed)
    return update(core, served, old, draft, claim, dry_run=dry_run, strict=strict), False


def apply_scale(
    core: Core,
    resource: Resource,
    namespace: str | None,
    name: str,
    config: Any,
    *,
    manager: str,
    force: bool = False,
    dry_run: bool = False,
) -> Object:
    """Server-side apply of a Scale; the scaled object as it is then. Raises ApplyConflict, BadRequest, Conflict, Invalid, NotFound, Unapplicable."""
    served, asked = core.registry.storage(resource), core.registry.asked(resource)
    old = core.existing(served.resource, namespace, name)
    write = Write(core.registry, asked, manager, core.kernel.now, "", "Apply")
    replicas, managed = scale_applied(write, old.managed(), old.obj, config, force=force)
    claim = Claim(write, known=managed)
    new = {**old.obj, "spec": {**old.obj["spec"], "replicas": replicas}}
    return update(core, served, old, new, claim, dry_run=dry_run, strict=False)
