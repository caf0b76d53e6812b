"""The two seams through which every Kubernetes program here reads and writes.

A Reader is an indexed cache of frozen objects: it may be stale on a real cluster, never on the embedded one. A Writer changes the cluster and raises
`harness.kube.errors.ApiError`. Both are called on the kernel's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from harness.kube.objects import Object
from harness.kube.resources import Resource
from harness.kube.selectors import Selector

PatchType = Literal["merge", "strategic", "json"]
Propagation = Literal["Background", "Foreground", "Orphan"]
IndexFunction = Callable[[Object], Iterable[str]]
Change = Literal["ADDED", "MODIFIED", "DELETED"]
Observer = Callable[[Change, Object, Object | None], None]
"""Gets the change, the object as it is now (for DELETED as it was last) and, for MODIFIED, as it was before."""


class Reader(Protocol):
    """Looks things up; answers are frozen and ordered by (namespace, name)."""

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""

    def list(
        self, resource: Resource, namespace: str | None = None, selector: Selector | None = None
    ) -> Sequence[Object]:
        """All objects of a type, of one namespace or (None) of all, that match the label selector."""

    def add_index(self, resource: Resource, index: str, function: IndexFunction) -> None:
        """Declare an index: `function` gives the keys under which an object is found. Declaring it twice is harmless."""

    def by_index(self, resource: Resource, index: str, key: str) -> Sequence[Object]:
        """The objects whose index function gave `key`. `owner` (the controlling owner's uid) exists for every type, `node` for pods."""

    def observe(self, resource: Resource, observer: Observer) -> None:
        """Call `observer` on the kernel's thread at each change, starting with an ADDED for each object that exists."""


class Writer(Protocol):
    """Changes things. The result is the object as stored."""

    def create(self, resource: Resource, obj: Mapping[str, Any]) -> Object:
        """Create; `metadata.generateName` is honoured. Raises AlreadyExists, Invalid, NotFound (the namespace)."""

    def replace(self, resource: Resource, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        """Replace what has the same name; with a `metadata.resourceVersion` only that version (Conflict). `status` writes only the status."""

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
        """Patch the object or its subresource."""

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
        """Delete, and tell what it was last; pods with a node end gracefully first, finalizers hold. Raises NotFound, Conflict (the uid)."""

    def bind(self, namespace: str, pod: str, node: str) -> None:
        """The pods/binding subresource: set `spec.nodeName` and the PodScheduled condition."""

    def evict(self, namespace: str, pod: str, *, grace_period_s: int | None = None) -> None:
        """The pods/eviction subresource. Raises TooManyRequests when a PodDisruptionBudget forbids it."""
