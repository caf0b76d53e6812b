"""The object store: the one place where the cluster's objects change.

Implements `harness.kube.client.Reader` and `Writer` on the kernel's thread. A write runs what the API server runs, in its order: type and metadata, defaults,
admission, mutators, validation, then one commit that takes the next resourceVersion. A write that changes nothing takes none. `creating`, `updating`,
`applying` and `removing` are the ways of writing, over the state in `core`; the rules are in the modules beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import Kernel, Seeds
from harness.cluster.store import applying, creating, removing, updating
from harness.cluster.store.apply import Managed
from harness.cluster.store.binding import bind
from harness.cluster.store.bootstrap import first_objects
from harness.cluster.store.core import Core
from harness.cluster.store.eviction import budgets_of, charge, disrupt, ignores_budgets
from harness.cluster.store.fieldvalidation import Strictness
from harness.cluster.store.writer import ManagedWriter
from harness.kube.client import PatchType, Propagation, Writer
from harness.kube.hooks import AdmissionMutator
from harness.kube.objects import Object
from harness.kube.resources import POD_DISRUPTION_BUDGETS, PODS, Resource

_LOG_WINDOW = 10_000


class Store(Core):
    """All objects of one cluster. `mutators` may change what is about to be created; `window` is how many changes a watch may lag behind."""

    def __init__(
        self, kernel: Kernel, seeds: Seeds, mutators: Sequence[AdmissionMutator] = (), *, window: int = _LOG_WINDOW
    ) -> None:
        super().__init__(kernel, seeds, mutators, window)
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
        strict: Strictness = False,
        applied: Managed | None = None,
    ) -> Object:
        """Create; `metadata.generateName` is honoured; `strict` refuses unknown fields, which otherwise vanish.

        The field manager owns what it states; an apply has worked that out already (`applied`).
        AlreadyExists, BadRequest, Forbidden, Invalid, NotFound.
        """
        return creating.create(self, resource, obj, manager=manager, dry_run=dry_run, strict=strict, applied=applied)

    def replace(
        self,
        resource: Resource,
        obj: Mapping[str, Any],
        *,
        subresource: str = "",
        manager: str = "",
        dry_run: bool = False,
        strict: Strictness = False,
    ) -> Object:
        """Replace what has the same name. Raises BadRequest, Conflict, Invalid, NotFound."""
        return updating.replace(
            self, resource, obj, subresource=subresource, manager=manager, dry_run=dry_run, strict=strict
        )

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
        strict: Strictness = False,
        scaling: bool = False,
    ) -> Object:
        """Patch the object or its subresource; `scaling` says that a Scale of it was written, which then owns the replicas.

        Raises BadRequest, Conflict, Invalid, NotFound.
        """
        return updating.patch(
            self,
            resource,
            namespace,
            name,
            patch,
            kind=kind,
            subresource=subresource,
            manager=manager,
            dry_run=dry_run,
            strict=strict,
            scaling=scaling,
        )

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
        strict: Strictness = False,
    ) -> tuple[Object, bool]:
        """Server-side apply; the object as it is then, and whether it was created.

        Raises ApplyConflict, BadRequest, Conflict, Invalid, NotFound, Unapplicable.
        """
        return applying.apply(
            self,
            resource,
            namespace,
            name,
            config,
            manager=manager,
            force=force,
            subresource=subresource,
            dry_run=dry_run,
            strict=strict,
        )

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
        return applying.apply_scale(
            self, resource, namespace, name, config, manager=manager, force=force, dry_run=dry_run
        )

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
        return removing.delete(
            self,
            resource,
            namespace,
            name,
            grace_period_s=grace_period_s,
            propagation=propagation,
            uid=uid,
            resource_version=resource_version,
            dry_run=dry_run,
        )

    def bind(self, namespace: str, pod: str, node: str) -> None:
        """The pods/binding subresource. Raises Conflict when the pod has a node already or goes away."""
        old = self.existing(PODS, namespace, pod).obj
        bound = bind(old, node, self.now)
        self.commit(PODS, (namespace, pod), bound)

    def evict(self, namespace: str, pod: str, *, grace_period_s: int | None = None, dry_run: bool = False) -> None:
        """The pods/eviction subresource. Raises TooManyRequests when a PodDisruptionBudget forbids it."""
        old = self.existing(PODS, namespace, pod).obj
        now = self.now
        budgets = budgets_of(old, self.list(POD_DISRUPTION_BUDGETS, namespace))
        status = charge(old, budgets, now)
        if dry_run:
            return
        if status is not None:
            budget = budgets[0]
            self.commit(POD_DISRUPTION_BUDGETS, (namespace, budget["metadata"]["name"]), {**budget, "status": status})
        if not ignores_budgets(old):
            self.commit(PODS, (namespace, pod), disrupt(old, now))
        self.delete(PODS, namespace, pod, grace_period_s=grace_period_s)
