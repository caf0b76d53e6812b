"""Which Services and sets a pod belongs to, as one selector: what the default spread constraints count by (`plugins/helper/spread.go`, 1.34)."""

from __future__ import annotations

from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.client import Reader
from harness.kube.objects import controller_of
from harness.kube.resources import REPLICA_SETS, REPLICATION_CONTROLLERS, SERVICES, STATEFUL_SETS, Resource
from harness.kube.selectors import Selector, from_labels, from_object

OWNERS = {resource.kind: resource for resource in (REPLICA_SETS, STATEFUL_SETS, REPLICATION_CONTROLLERS)}
_KEPT = 1024


class DefaultSelectors:
    """Looks the selectors up, and remembers them until `forget`."""

    def __init__(self, reader: Reader, served: frozenset[str] | None = None) -> None:
        self._reader = reader
        self._served = served
        self._known: dict[object, Selector | None] = {}

    def __call__(self, pod: PodInfo) -> Selector | None:
        """All requirements together; None for a pod that belongs to none."""
        owner = controller_of(pod.pod)
        question = (
            pod.namespace,
            tuple(sorted(pod.labels.items())),
            None if owner is None else (owner["apiVersion"], owner["kind"], owner["name"]),
        )
        if question not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[question] = self._look_up(pod)
        return self._known[question]

    def forget(self) -> None:
        """A Service or a set changed."""
        self._known.clear()

    def _look_up(self, pod: PodInfo) -> Selector | None:
        merged: dict[str, str] = {}
        for service in self._reader.list(SERVICES, pod.namespace) if self._serves(SERVICES) else ():
            selector = service["spec"].get("selector")
            if selector and from_labels(selector).matches(pod.labels):
                merged.update(selector)
        owner = controller_of(pod.pod)
        resource = None if owner is None else OWNERS.get(str(owner["kind"]))
        requirements = from_labels(merged).requirements
        if resource is not None and owner is not None and owner["apiVersion"] == resource.api_version:
            found = self._reader.get(resource, pod.namespace, str(owner["name"])) if self._serves(resource) else None
            selector = None if found is None else found["spec"].get("selector")
            if resource is REPLICATION_CONTROLLERS:
                requirements = from_labels({**merged, **(selector or {})}).requirements
            else:
                read = from_object(selector)
                requirements += read.requirements if read is not None else ()
        return Selector(requirements) if requirements else None

    def _serves(self, resource: Resource) -> bool:
        return self._served is None or resource.group_resource in self._served
