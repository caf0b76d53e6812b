"""The resource quota controller: what a quota's objects use (`pkg/controller/resourcequota`, 1.34).

Admission charges what is created; this controller works out the usage of a new or changed quota, and again when something that it counts is removed or ends.
Upstream also looks every 5 min (`--resource-quota-sync-period`), which finds nothing that these changes do not tell. In a namespace of more than 1,000 counted
objects the sums are worked out at most once a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.clock import Kernel
from harness.cluster.controllers.kinds import Kinds
from harness.cluster.controllers.pacing import Pace
from harness.cluster.controllers.pods import is_terminal
from harness.cluster.quota import tracked, usage_of_quota
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, key_of, name_of, namespace_of, split_key
from harness.kube.resources import BUILT_IN, EVENTS, PODS, RESOURCE_QUOTAS, Resource


class ResourceQuotaController:
    """Reconciles quotas."""

    name = "resourcequota-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._kinds = Kinds(reader)
        self._pace = Pace()

    def watches(self) -> Sequence[Watch]:
        """Quotas, and whatever they may count; custom kinds follow."""
        counted = [
            resource for resource in BUILT_IN if resource.namespaced and resource not in (EVENTS, RESOURCE_QUOTAS)
        ]
        return [Watch(RESOURCE_QUOTAS, self._when_asked), *(self._watch(resource) for resource in counted)]

    def extend(self, watch: Callable[[Watch], None]) -> None:
        """Custom kinds may be counted by `count/...`."""

        def added(resource: Resource) -> None:
            if resource.namespaced:
                watch(self._watch(resource))

        self._kinds.listen(added)

    def reconcile(self, key: str) -> int | None:
        """Work out one quota's usage."""
        quota = self._reader.get(RESOURCE_QUOTAS, *split_key(key))
        if quota is None:
            self._pace.forget(key)
            return None
        wait_us = self._pace.wait_us(key, self._kernel.now)
        if wait_us:
            return wait_us
        hard: Mapping[str, str] = (quota.get("spec") or {}).get("hard") or {}
        namespace = namespace_of(quota)
        counted = {resource: self._reader.list(resource, namespace) for resource in tracked(hard, self._kinds.all())}
        self._pace.done(key, sum(map(len, counted.values())), self._kernel.now)
        used = usage_of_quota(quota, counted, self._kernel.now)
        status = {"hard": dict(hard), "used": used}
        if status != (quota.get("status") or {}):
            self._writer.replace(RESOURCE_QUOTAS, {**quota, "status": status}, subresource="status")
        return None

    def _when_asked(self, quota: Object) -> Iterable[str]:
        """A quota whose status does not answer its spec yet; what admission charges needs no look."""
        status = quota.get("status") or {}
        hard = (quota.get("spec") or {}).get("hard") or {}
        if (status.get("hard") or {}) != hard or set(status.get("used") or {}) != set(hard):
            return (key_of(quota),)
        return ()

    def _watch(self, resource: Resource) -> Watch:
        def keys(obj: Object) -> Iterable[str]:
            quotas = self._reader.list(RESOURCE_QUOTAS, namespace_of(obj))
            if not quotas:
                return ()
            current = self._reader.get(resource, namespace_of(obj), name_of(obj))
            freed = current is None or current["metadata"]["uid"] != obj["metadata"]["uid"]
            if not freed and not (resource == PODS and is_terminal(obj)) and not self._is_resized(obj, current):
                return ()
            return [
                key_of(quota)
                for quota in quotas
                if resource in tracked((quota.get("spec") or {}).get("hard") or {}, (resource,))
            ]

        return Watch(resource, keys)

    def _is_resized(self, obj: Object, current: Object | None) -> bool:
        """Whether `obj` is an older state of what exists, with another spec: its usage may have shrunk."""
        return current is not None and obj.get("spec") != current.get("spec")
