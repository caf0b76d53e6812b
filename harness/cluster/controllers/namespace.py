"""The namespace controller: a namespace that is deleted is emptied first, and goes when really nothing is left in it.

Follows `pkg/controller/namespace/deletion` (1.34): everything is deleted, what holds on (a pod's grace, a finalizer) is named in the conditions, and the
finalizer `kubernetes` of the spec falls when all is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from harness.clock import Kernel, format_time, parse_time
from harness.cluster.controllers.kinds import Kinds
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, is_deleting, name_of, with_condition
from harness.kube.resources import BUILT_IN, NAMESPACES, PODS, Resource

FINALIZER = "kubernetes"
_SETTLED = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


class NamespaceController:
    """Empties and removes namespaces."""

    name = "namespace-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._kinds = Kinds(reader)

    def watches(self) -> Sequence[Watch]:
        """Namespaces, and the objects in those that go away; custom kinds follow."""
        return [Watch(NAMESPACES), *(Watch(resource, self._doomed) for resource in BUILT_IN if resource.namespaced)]

    def extend(self, watch: Callable[[Watch], None]) -> None:
        """Custom kinds are followed from the moment at which they are served."""

        def added(resource: Resource) -> None:
            if resource.namespaced:
                watch(Watch(resource, self._doomed))

        self._kinds.listen(added)

    def reconcile(self, key: str) -> int | None:
        """Empty one namespace: its pods first (since 1.33), then all else."""
        namespace = self._reader.get(NAMESPACES, None, key)
        if namespace is None or not is_deleting(namespace) or not _held(namespace):
            return None
        self._delete_all(PODS, key)
        pods = self._reader.list(PODS, key)
        if pods:
            return self._wait_for_pods(namespace, pods)
        others = [resource for resource in self._kinds.all() if resource.namespaced and resource != PODS]
        for resource in others:
            self._delete_all(resource, key)
        remaining = self._remaining(key, others)
        self._report(namespace, remaining)
        if not remaining:
            self._finalize(key)
        return None

    def _wait_for_pods(self, namespace: Object, pods: Sequence[Object]) -> int | None:
        """Pods within their grace are not told of; those that outlive it are, as what should have gone."""
        stamps = [pod["metadata"].get("deletionTimestamp") for pod in pods]
        left_us = max(parse_time(str(stamp)) for stamp in stamps if stamp) - self._kernel.now
        if left_us > 0:
            self._report(namespace, {})
            return left_us
        text = f"unexpected items still remain in namespace: {name_of(namespace)} for gvr: /v1, Resource=pods"
        self._report(namespace, {}, f"Failed to delete all resource types, 1 remaining: {text}")
        return None

    def _delete_all(self, resource: Resource, namespace: str) -> None:
        for obj in self._reader.list(resource, namespace):
            if not is_deleting(obj):
                self._writer.delete(resource, namespace, name_of(obj))

    def _remaining(self, namespace: str, resources: Iterable[Resource]) -> dict[str, Sequence[Object]]:
        """What is left, under the words of the condition: `pods.` or `jobs.batch`."""
        return {
            f"{resource.plural}.{resource.group}": objects
            for resource in resources
            if (objects := self._reader.list(resource, namespace))
        }

    def _doomed(self, obj: Object) -> Iterable[str]:
        namespace = self._reader.get(NAMESPACES, None, obj["metadata"].get("namespace") or "")
        return (name_of(namespace),) if namespace is not None and is_deleting(namespace) else ()

    def _report(self, namespace: Object, remaining: dict[str, Sequence[Object]], failure: str = "") -> None:
        status = namespace.get("status") or {}
        conditions: Iterable[dict[str, object]] = status.get("conditions") or ()
        for kind, state, reason, message in (
            *((kind, "False", reason, message) for kind, reason, message in _SETTLED),
            *([("NamespaceDeletionContentFailure", "True", "ContentDeletionFailed", failure)] if failure else ()),
            _content(remaining),
            _finalizers(remaining),
        ):
            entry = {"type": kind, "status": state, "reason": reason, "message": message}
            conditions = with_condition(conditions, entry, format_time(self._kernel.now))
        patch = {"status": {"conditions": list(conditions)}}
        self._writer.patch(NAMESPACES, None, name_of(namespace), patch, subresource="status")

    def _finalize(self, name: str) -> None:
        namespace = self._reader.get(NAMESPACES, None, name)
        if namespace is None:
            return
        spec = namespace.get("spec") or {}
        left = [entry for entry in spec.get("finalizers") or () if entry != FINALIZER]
        self._writer.replace(NAMESPACES, {**namespace, "spec": {**spec, "finalizers": left}}, subresource="finalize")


def _held(namespace: Object) -> bool:
    return FINALIZER in ((namespace.get("spec") or {}).get("finalizers") or ())


def _content(remaining: dict[str, Sequence[Object]]) -> tuple[str, str, str, str]:
    kind = "NamespaceContentRemaining"
    if not remaining:
        return kind, "False", "ContentRemoved", "All content successfully removed"
    counts = ", ".join(f"{name} has {len(objects)} resource instances" for name, objects in sorted(remaining.items()))
    return kind, "True", "SomeResourcesRemain", f"Some resources are remaining: {counts}"


def _finalizers(remaining: dict[str, Sequence[Object]]) -> tuple[str, str, str, str]:
    kind = "NamespaceFinalizersRemaining"
    counts = Counter(
        finalizer
        for objects in remaining.values()
        for obj in objects
        for finalizer in obj["metadata"].get("finalizers") or ()
    )
    if not counts:
        return kind, "False", "ContentHasNoFinalizers", "All content-preserving finalizers finished"
    held = ", ".join(f"{finalizer} in {count} resource instances" for finalizer, count in sorted(counts.items()))
    return kind, "True", "SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {held}"
