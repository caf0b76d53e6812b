"""The object store: the one place where the cluster's objects change.

Implements `harness.kube.client.Reader` and `Writer` on the kernel's thread. A write runs what the API server runs, in its order: type and metadata, defaults,
admission, mutators, validation, then one commit that takes the next resourceVersion. A write that changes nothing takes none. The rules are in the
modules beside this one; here is only their order. Follows Kubernetes 1.34 `apiserver/pkg/registry/generic/registry/store.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import Kernel, Seeds, format_time
from harness.cluster.store import metadata as meta
from harness.cluster.store.addresses import Addresses
from harness.cluster.store.admission import Admission, Charge, default_toleration_seconds
from harness.cluster.store.apply import (
    Claim,
    Managed,
    Ownership,
    Write,
    apply_config,
    check_config,
    given_in,
    parts_of,
    scale_applied,
    scaled,
    touches_managed,
    with_entries,
)
from harness.cluster.store.binding import bind
from harness.cluster.store.bootstrap import first_objects
from harness.cluster.store.conversion import from_storage, to_storage
from harness.cluster.store.decoding import decode_metadata, decode_object, decode_status, refuse_unknown
from harness.cluster.store.defaults import default
from harness.cluster.store.defaults.status import begin_status
from harness.cluster.store.definitions import CLEANUP, check_definition, default_definition, served_by
from harness.cluster.store.deletion import Deletion, after_delete, is_free
from harness.cluster.store.eviction import budgets_of, charge, disrupt, ignores_budgets
from harness.cluster.store.log import Stored
from harness.cluster.store.patching import apply_patch
from harness.cluster.store.registry import Served
from harness.cluster.store.schema import conform
from harness.cluster.store.types import message_of
from harness.cluster.store.validation import check, check_metadata, check_update
from harness.cluster.store.view import View
from harness.cluster.store.writer import ManagedWriter
from harness.kube.client import PatchType, Propagation, Writer
from harness.kube.errors import AlreadyExists, Cause, Conflict, Invalid, NotFound
from harness.kube.hooks import AdmissionMutator
from harness.kube.objects import Object, is_deleting, new_object
from harness.kube.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    RESOURCE_QUOTAS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)

Draft = dict[str, Any]
_ADMITTED = frozenset({PODS, PERSISTENT_VOLUME_CLAIMS})
_CHECKED_UPDATES = frozenset({PERSISTENT_VOLUME_CLAIMS, SERVICES})
"""The types of which validating admission looks at updates, too."""
_NAME_ATTEMPTS = 8
_LOG_WINDOW = 10_000


class Store(View):
    """All objects of one cluster. `mutators` may change what is about to be created; `window` is how many changes a watch may lag behind."""

    def __init__(
        self, kernel: Kernel, seeds: Seeds, mutators: Sequence[AdmissionMutator] = (), *, window: int = _LOG_WINDOW
    ) -> None:
        super().__init__(window)
        self._kernel = kernel
        self._seeds = seeds
        self._mutators = tuple(mutators)
        self._admission = Admission(self, lambda: seeds.suffix("kube-api-access"))
        self._addresses = Addresses(self)
        for resource, obj in first_objects():
            self.create(resource, obj)

    def writer(self, manager: str) -> Writer:
        """A Writer whose writes are owned by the field manager `manager`."""
        return ManagedWriter(self, manager)

    def create(
        self,
        resource: Resource,
        obj: Mapping[str, Any],
        *,
        manager: str = "",
        dry_run: bool = False,
        strict: bool = False,
        applied: Managed | None = None,
    ) -> Object:
        """Create; `metadata.generateName` is honoured; `strict` refuses unknown fields, which otherwise vanish.

        The field manager owns what it states; an apply has worked that out already (`applied`).
        AlreadyExists, BadRequest, Forbidden, Invalid, NotFound.
        """
        served, asked = self.registry.storage(resource), self.registry.asked(resource)
        draft = self._draft(served, asked, obj, strict=strict)
        resource = served.resource
        namespace = meta.fit_namespace(resource, draft)
        name = self._name(resource, namespace, draft["metadata"])
        if namespace:
            self._admission.require_namespace(resource, namespace, name)
        self._begin(served, draft)
        self._complete(served, draft, strict=strict)
        write = Write(self.registry, asked, manager, self._kernel.now)
        ownership = self._claim(write, obj, draft) if applied is None else Ownership.known(applied)
        self._admission.admit(resource, draft)
        for mutator in self._mutators:
            mutator.admit(resource, draft)
        if self._mutators:
            default(resource, draft)
        self._refuse(resource, name, check_metadata(resource, draft["metadata"]) + check(resource, draft))
        if resource == SERVICES:
            self._addresses.allocate(draft)
        if "status" in resource.subresources and resource != CUSTOM_RESOURCE_DEFINITIONS and not served.custom:
            begin_status(resource, draft, format_time(self._kernel.now))
        charges = self._admission.validate(resource, draft, None, self._kernel.now)
        if self.stored(resource, namespace, name) is not None:
            raise AlreadyExists.of(resource, name)
        if dry_run:
            return self._rehearsed(draft, ownership)
        self._pay(charges)
        created = self._commit(resource, (namespace, name), draft, ownership=ownership).obj
        self._after_create(resource, created)
        return created

    def replace(
        self,
        resource: Resource,
        obj: Mapping[str, Any],
        *,
        subresource: str = "",
        manager: str = "",
        dry_run: bool = False,
        strict: bool = False,
    ) -> Object:
        """Replace what has the same name. Raises BadRequest, Conflict, Invalid, NotFound."""
        served, asked = self.registry.storage(resource), self.registry.asked(resource)
        draft = self._draft(served, asked, obj, strict=strict)
        name = str(draft["metadata"].get("name") or "")
        old = self._existing(served.resource, draft["metadata"].get("namespace"), name)
        claim = Claim(Write(self.registry, asked, manager, self._kernel.now, subresource), given_in(obj))
        return self._update(served, old, draft, claim, dry_run=dry_run, strict=strict)

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Any,
        *,
        kind: PatchType = "merge",
        subresource: str = "",
        manager: str = "",
        dry_run: bool = False,
        strict: bool = False,
        scaling: bool = False,
    ) -> Object:
        """Patch the object or its subresource; `scaling` says that a Scale of it was written, which then owns the replicas.

        Raises BadRequest, Conflict, Invalid, NotFound.
        """
        served, asked = self.registry.storage(resource), self.registry.asked(resource)
        old = self._existing(served.resource, namespace, name)
        message = None if asked.custom else message_of(asked.resource)
        shown = old.obj if asked is served else from_storage(asked.resource, old.obj)
        touches = touches_managed(patch)
        patched = apply_patch(with_entries(shown, old.managed()) if touches else shown, patch, kind, message)
        meta.require_name(patched, name)
        draft = dict(patched)
        if asked.custom:
            meta.require_version_of_custom(asked.resource, draft, name)
        meta.fit_type(asked.resource, draft)
        if asked is not served:
            draft = to_storage(asked.resource, served.resource, draft)
        write = Write(self.registry, asked, manager, self._kernel.now, subresource)
        meta.require_same_uid(served.resource, draft, old.obj)
        claim = Claim(write, given_in(patched) if touches else None)
        if scaling:
            claim = Claim(write, known=scaled(write, old.managed(), shown, draft))
        return self._update(served, old, draft, claim, dry_run=dry_run, strict=strict)

    def apply(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        config: Any,
        *,
        manager: str,
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
        strict: bool = False,
    ) -> tuple[Object, bool]:
        """Server-side apply; the object as it is then, and whether it was created.

        Raises ApplyConflict, BadRequest, Conflict, Invalid, NotFound, Unapplicable.
        """
        served, asked = self.registry.storage(resource), self.registry.asked(resource)
        config = check_config(asked.resource, config)
        old = self.stored(served.resource, namespace if served.resource.namespaced else None, name)
        write = Write(self.registry, asked, manager, self._kernel.now, subresource, "Apply")
        if old is None:
            if subresource:
                raise NotFound.of(served.resource, name)
            new, managed = apply_config(write, None, {}, config, force=force)
            meta.fit_place(asked.resource, new, namespace, name)
            if (uid := (new.get("metadata") or {}).get("uid")) is not None:
                why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                raise Conflict.of(served.resource, name, why)
            made = self.create(asked.resource, new, manager=manager, dry_run=dry_run, strict=strict, applied=managed)
            return made, True
        live = old.obj if asked is served else from_storage(asked.resource, old.obj)
        new, managed = apply_config(write, live, old.managed(), config, force=force)
        draft = dict(live if new is None else new)
        meta.fit_place(asked.resource, draft, namespace, name)
        if asked is not served:
            draft = to_storage(asked.resource, served.resource, draft)
        meta.require_same_uid(served.resource, draft, old.obj)
        claim = Claim(write, known=managed)
        return self._update(served, old, draft, claim, dry_run=dry_run, strict=strict), False

    def apply_scale(
        self,
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
        served, asked = self.registry.storage(resource), self.registry.asked(resource)
        old = self._existing(served.resource, namespace, name)
        write = Write(self.registry, asked, manager, self._kernel.now, "", "Apply")
        replicas, managed = scale_applied(write, old.managed(), old.obj, config, force=force)
        claim = Claim(write, known=managed)
        new = {**old.obj, "spec": {**old.obj["spec"], "replicas": replicas}}
        return self._update(served, old, new, claim, dry_run=dry_run, strict=False)

    def delete(
        self,
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
        resource = self.registry.storage(resource).resource
        old = self._existing(resource, namespace, name)
        meta.require_preconditions(resource, old.obj, uid, resource_version)
        self._admission.require_deletable(resource, name)
        marked, gone = after_delete(resource, old.obj, Deletion(grace_period_s, propagation, self._kernel.now))
        if dry_run:
            return marked
        place = (namespace or "", name)
        if gone:
            return self._remove(resource, place, marked)
        stored = old.obj if marked == old.obj else self._commit(resource, place, marked).obj
        if resource == CUSTOM_RESOURCE_DEFINITIONS:
            self._delete_instances(stored)
        return stored

    def bind(self, namespace: str, pod: str, node: str) -> None:
        """The pods/binding subresource. Raises Conflict when the pod has a node already or goes away."""
        old = self._existing(PODS, namespace, pod).obj
        bound = bind(old, node, format_time(self._kernel.now))
        self._commit(PODS, (namespace, pod), bound)

    def evict(self, namespace: str, pod: str, *, grace_period_s: int | None = None, dry_run: bool = False) -> None:
        """The pods/eviction subresource. Raises TooManyRequests when a PodDisruptionBudget forbids it."""
        old = self._existing(PODS, namespace, pod).obj
        now = format_time(self._kernel.now)
        budgets = budgets_of(old, self.list(POD_DISRUPTION_BUDGETS, namespace))
        status = charge(old, budgets, now)
        if dry_run:
            return
        if status is not None:
            budget = budgets[0]
            self._commit(POD_DISRUPTION_BUDGETS, (namespace, budget["metadata"]["name"]), {**budget, "status": status})
        if not ignores_budgets(old):
            self._commit(PODS, (namespace, pod), disrupt(old, now))
        self.delete(PODS, namespace, pod, grace_period_s=grace_period_s)

    def _draft(self, served: Served, asked: Served, obj: Mapping[str, Any], *, strict: bool) -> Draft:
        """A copy of what was sent in version `asked`, of the right type and shape, in the version in which it is stored."""
        typed = dict(obj)
        meta.fit_type(asked.resource, typed)
        draft = decode_object(asked, typed, strict=strict)
        draft.setdefault("metadata", {})
        return draft if asked is served else to_storage(asked.resource, served.resource, draft)

    def _name(self, resource: Resource, namespace: str, metadata: Draft) -> str:
        """The object's name, drawn when only generateName is given."""
        base = metadata.get("generateName")
        if not metadata.get("name") and base:
            purpose = f"generateName/{resource.group_resource}"
            for _ in range(_NAME_ATTEMPTS):
                metadata["name"] = meta.generate_name(base, self._seeds.suffix(purpose))
                if self.stored(resource, namespace, metadata["name"]) is None:
                    break
        name = str(metadata.get("name") or "")
        if not name:
            self._refuse(resource, name, check_metadata(resource, metadata))
        return name

    def _begin(self, served: Served, draft: Draft) -> None:
        resource = served.resource
        uid = self._seeds.uid(f"uid/{resource.group_resource}")
        counted = meta.has_generation(resource, custom=served.custom)
        meta.begin(draft["metadata"], uid=uid, now=format_time(self._kernel.now), generation=counted)

    def _complete(self, served: Served, draft: Draft, *, strict: bool) -> None:
        """Defaults, and for custom types the schema."""
        resource = served.resource
        if resource == CUSTOM_RESOURCE_DEFINITIONS:
            self._refuse(resource, draft["metadata"].get("name", ""), check_definition(draft))
            default_definition(draft, format_time(self._kernel.now))
        elif served.custom:
            unknown: list[str] = []
            causes = conform(draft, served.schema, unknown)
            if strict:
                refuse_unknown(resource, unknown)
            self._refuse(resource, draft["metadata"].get("name", ""), causes)
        else:
            default(resource, draft)

    def _existing(self, resource: Resource, namespace: str | None, name: str) -> Stored:
        stored = self.stored(resource, namespace if resource.namespaced else None, name)
        if stored is None:
            raise NotFound.of(resource, name)
        return stored

    def _update(
        self,
        served: Served,
        old: Stored,
        candidate: Mapping[str, Any],
        claim: Claim,
        *,
        dry_run: bool,
        strict: bool,
    ) -> Object:
        """Store `candidate` in place of `old`, as far as the (sub)resource lets it write; a change of nothing is none."""
        resource, before, subresource = served.resource, old.obj, claim.write.subresource
        metadata = meta.settle(resource, decode_metadata(resource, candidate["metadata"]), before)
        if subresource == "status" and "status" in resource.subresources:
            new: Draft = {**before}
            status = decode_status(served, candidate.get("status") or {}, str(metadata["name"]))
            if status or not served.custom:
                new["status"] = status
            else:
                new.pop("status", None)
        elif subresource == "finalize" and resource == NAMESPACES:
            new = {**before, "spec": candidate.get("spec") or {}}
        elif not subresource:
            new = self._settled(served, before, {**candidate, "metadata": metadata}, strict=strict)
        else:
            raise NotFound("the server could not find the requested resource", details={})
        for part in ("spec", "status"):
            if part in before and new.get(part) == before[part]:
                new[part] = before[part]  # shared, so that it is neither frozen nor compared again
        if resource == PODS and not subresource:
            claim = claim.before_admission(old, candidate, new)
        if new == before and not claim.moves(old):
            return before
        ownership = claim.ownership(old)
        checked = not subresource and resource in _CHECKED_UPDATES and new.get("spec") != before.get("spec")
        charges = self._admission.validate(resource, new, before, self._kernel.now) if checked else []
        if dry_run:
            return self._rehearsed(new, ownership)
        self._pay(charges)
        name = str(metadata["name"])
        place = (str(metadata.get("namespace") or ""), name)
        if is_deleting(new) and is_free(resource, new):
            return self._remove(resource, place, new, ownership)
        stored = self._commit(resource, place, new, ownership=ownership).obj
        if resource == CUSTOM_RESOURCE_DEFINITIONS and not subresource:
            self.registry = self.registry.with_custom(served_by(stored))
        return stored

    def _settled(self, served: Served, before: Object, new: Draft, *, strict: bool) -> Draft:
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
            self._recomplete(served, before, new, strict=strict)
        changed = any(new.get(key) != before.get(key) for key in content)
        if changed or (resource.plural == "deployments" and _annotations(new) != _annotations(before)):
            generation = before["metadata"].get("generation")
            if generation is not None:
                new["metadata"] = {**new["metadata"], "generation": generation + 1}
        return new

    def _recomplete(self, served: Served, before: Object, new: Draft, *, strict: bool) -> None:
        resource, name = served.resource, str(new["metadata"]["name"])
        if resource == CUSTOM_RESOURCE_DEFINITIONS:
            self._refuse(resource, name, check_definition(new))
            status = new.get("status")
            default_definition(new, format_time(self._kernel.now))
            new["status"] = status
            return
        if resource == PODS:
            _keep_admitted(before, new)
            default_toleration_seconds(new["spec"])
        elif resource == SERVICES:
            meta.keep_allocated(new["spec"], before["spec"])
        self._complete(served, new, strict=strict)
        self._refuse(resource, name, check_update(resource, new, before))
        if resource == SERVICES:
            self._addresses.allocate(new)

    def _pay(self, charges: Sequence[Charge]) -> None:
        """Note in the quotas' status what a write costs."""
        for charge in charges:
            quota = charge.quota
            place = (quota["metadata"]["namespace"], quota["metadata"]["name"])
            self._commit(RESOURCE_QUOTAS, place, {**quota, "status": {**quota["status"], "used": dict(charge.used)}})

    def _refuse(self, resource: Resource, name: str, causes: list[Cause]) -> None:
        if causes:
            raise Invalid.of(resource, name, causes)

    def _claim(self, write: Write, sent: Mapping[str, Any], draft: Draft) -> Ownership:
        """What the creator owns: what it asked for, before admission adds to it."""
        resource = write.asked.resource
        parts = None
        if resource == SERVICES:
            parts = parts_of({**draft, "spec": meta.without_allocated(draft["spec"], sent.get("spec"))})
        elif resource in _ADMITTED or self._mutators:
            parts = parts_of(draft)
        return Ownership(write, None, draft=parts, given=given_in(sent))

    def _rehearsed(self, draft: Draft, ownership: Ownership) -> Object:
        """The answer to a dry run, with the managedFields that it would have."""
        return with_entries(draft, ownership.managed(draft))

    def _remove(
        self, resource: Resource, place: tuple[str, str], obj: Object, ownership: Ownership | None = None
    ) -> Object:
        gone = self._commit(resource, place, obj, gone=True, ownership=ownership).obj
        if resource == CUSTOM_RESOURCE_DEFINITIONS:
            self.registry = self.registry.without(served_by(gone)[0].resource)
        elif any(served.custom and served.resource == resource for served in self.registry.served):
            definition = self.get(CUSTOM_RESOURCE_DEFINITIONS, None, resource.group_resource)
            if definition is not None and is_deleting(definition):
                self._release(definition, resource)
        return gone

    def _after_create(self, resource: Resource, created: Object) -> None:
        if resource == CUSTOM_RESOURCE_DEFINITIONS:
            self.registry = self.registry.with_custom(served_by(created))
        elif resource == NAMESPACES:
            # Upstream a controller does this a moment later; here nothing can run in a namespace without its account.
            name = created["metadata"]["name"]
            self.create(SERVICE_ACCOUNTS, new_object(SERVICE_ACCOUNTS, "default", name))

    def _delete_instances(self, definition: Object) -> None:
        """The instances go with their definition, which stays until the last of them has gone."""
        resource = served_by(definition)[0].resource
        for stored in self.stored_list(resource):
            metadata = stored.obj["metadata"]
            self.delete(resource, metadata.get("namespace"), metadata["name"])
        present = self.get(CUSTOM_RESOURCE_DEFINITIONS, None, definition["metadata"]["name"])
        if present is not None:
            self._release(present, resource)

    def _release(self, definition: Object, resource: Resource) -> None:
        if self.stored_list(resource):
            return
        held = definition["metadata"].get("finalizers") or ()
        finalizers = [finalizer for finalizer in held if finalizer != CLEANUP]
        self.patch(
            CUSTOM_RESOURCE_DEFINITIONS, None, definition["metadata"]["name"], {"metadata": {"finalizers": finalizers}}
        )


def _annotations(obj: Object) -> Mapping[str, str]:
    annotations: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return annotations


def _keep_admitted(before: Object, new: Draft) -> None:
    """What admission gave a pod stays when a replace leaves it out, as a client's older manifest does."""
    for key in ("serviceAccountName", "serviceAccount", "priority", "preemptionPolicy", "nodeName"):
        if key in before["spec"]:
            new.setdefault("spec", {}).setdefault(key, before["spec"][key])
