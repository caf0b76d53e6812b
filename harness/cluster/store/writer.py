"""A Writer in the name of a field manager: what a controller, the scheduler or a kubelet gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from harness.kube.client import PatchType, Propagation
from harness.kube.objects import Object
from harness.kube.resources import Resource


class _Store(Protocol):
    """What the store offers to its writers."""

    def create(self, resource: Resource, obj: Mapping[str, Any], *, manager: str = "") -> Object: ...

    def replace(
        self, resource: Resource, obj: Mapping[str, Any], *, subresource: str = "", manager: str = ""
    ) -> Object: ...

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
    ) -> Object: ...

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        grace_period_s: int | None = None,
        propagation: Propagation | None = "Background",
        uid: str | None = None,
    ) -> Object: ...

    def bind(self, namespace: str, pod: str, node: str) -> None: ...

    def evict(self, namespace: str, pod: str, *, grace_period_s: int | None = None) -> None: ...


class ManagedWriter:
    """Implements `harness.kube.client.Writer` over the store."""

    def __init__(self, store: _Store, manager: str) -> None:
        self._store = store
        self.manager = manager

    def create(self, resource: Resource, obj: Mapping[str, Any]) -> Object:
        """Create in the name of the manager."""
        return self._store.create(resource, obj, manager=self.manager)

    def replace(self, resource: Resource, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        """Replace in the name of the manager."""
        return self._store.replace(resource, obj, subresource=subresource, manager=self.manager)

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Any,
        *,
        kind: PatchType = "merge",
        subresource: str = "",
    ) -> Object:
        """Patch in the name of the manager."""
        return self._store.patch(
            resource, namespace, name, patch, kind=kind, subresource=subresource, manager=self.manager
        )

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        grace_period_s: int | None = None,
        propagation: Propagation = "Background",
        uid: str | None = None,
    ) -> Object:
        """Delete; owners do not matter."""
        return self._store.delete(
            resource, namespace, name, grace_period_s=grace_period_s, propagation=propagation, uid=uid
        )

    def bind(self, namespace: str, pod: str, node: str) -> None:
        """Bind; upstream gives the node's name no owner."""
        self._store.bind(namespace, pod, node)

    def evict(self, namespace: str, pod: str, *, grace_period_s: int | None = None) -> None:
        """Evict."""
        self._store.evict(namespace, pod, grace_period_s=grace_period_s)
