"""The ReplicaSet controller: keeps the wanted number of pods (`pkg/controller/replicaset`, 1.34).

Pods are matched by their controlling owner; adopting foreign pods is not modelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.clock import MILLISECOND, SECOND, Kernel, format_time
from harness.cluster.controllers.pods import (
    PodControl,
    Retries,
    available_in_us,
    is_active,
    is_ready,
    namespace_goes_away,
    pod_from_template,
    removal_order,
)
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import ApiError
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    condition,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    split_key,
    uid_of,
    with_condition,
)
from harness.kube.resources import PODS, REPLICA_SETS
from harness.kube.selectors import from_labels

_AT_ONCE = 500  # BurstReplicas
_RETRY_FIRST_US, _RETRY_LAST_US = 5 * MILLISECOND, 1000 * SECOND  # client-go's default rate limiter
REPLICA_FAILURE = "ReplicaFailure"


def _owner_key(pod: Object) -> Iterable[str]:
    owner = controller_of(pod)
    if owner is not None and owner["kind"] == REPLICA_SETS.kind:
        yield f"{namespace_of(pod)}/{owner['name']}"


def status_of(replica_set: Object, active: Sequence[Object], now_us: int) -> dict[str, Any]:
    """The status that these pods make; counts of nothing are left out as upstream does."""
    spec = replica_set["spec"]
    template = from_labels((spec["template"].get("metadata") or {}).get("labels") or {})
    min_ready_s = int(spec.get("minReadySeconds") or 0)
    counts = {
        "fullyLabeledReplicas": sum(template.matches(labels_of(pod)) for pod in active),
        "readyReplicas": sum(is_ready(pod) for pod in active),
        "availableReplicas": sum(available_in_us(pod, min_ready_s, now_us) == 0 for pod in active),
    }
    return {
        "replicas": len(active),
        "observedGeneration": replica_set["metadata"].get("generation", 1),
        **{field: count for field, count in counts.items() if count},
    }


class ReplicaSetController:
    """Reconciles ReplicaSets."""

    name = "replicaset-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._pods = PodControl(writer, recorder.named(self.name))
        self._retries = Retries(_RETRY_FIRST_US, _RETRY_LAST_US)

    def watches(self) -> Sequence[Watch]:
        """ReplicaSets and their pods."""
        return [Watch(REPLICA_SETS), Watch(PODS, _owner_key)]

    def reconcile(self, key: str) -> int | None:
        """Create or remove pods, then write the status."""
        replica_set = self._reader.get(REPLICA_SETS, *split_key(key))
        if replica_set is None:
            return None
        refused = None if is_deleting(replica_set) else self._keep_number(replica_set)
        pods = self._reader.by_index(PODS, "owner", uid_of(replica_set))
        active = [pod for pod in pods if is_active(pod)]
        now = self._kernel.now
        status = status_of(replica_set, active, now)
        if conditions := self._failure(replica_set, len(active), refused):
            status["conditions"] = conditions
        if status != replica_set.get("status"):
            self._writer.replace(REPLICA_SETS, {**replica_set, "status": status}, subresource="status")
        min_ready_s = int(replica_set["spec"].get("minReadySeconds") or 0)
        delays = [available_in_us(pod, min_ready_s, now) for pod in active]
        retry_us = self._retries.left_us(uid_of(replica_set), now)
        return min((delay for delay in (*delays, retry_us) if delay), default=None)

    def _failure(self, replica_set: Object, active: int, refused: str | None) -> list[dict[str, Any]]:
        """The condition ReplicaFailure while pods are missing because the API refuses them."""
        standing = condition(replica_set, REPLICA_FAILURE)
        if refused is None:
            missing = active < int(replica_set["spec"].get("replicas", 1))
            return [dict(standing)] if standing is not None and missing else []
        entry = {"type": REPLICA_FAILURE, "status": "True", "reason": "FailedCreate", "message": refused}
        return with_condition([standing] if standing is not None else [], entry, format_time(self._kernel.now))

    def _keep_number(self, replica_set: Object) -> str | None:
        """Create what is missing, remove what is too much; why the API refused, if it did."""
        uid, now = uid_of(replica_set), self._kernel.now
        active = [pod for pod in self._reader.by_index(PODS, "owner", uid) if is_active(pod)]
        missing = int(replica_set["spec"].get("replicas", 1)) - len(active)
        if self._retries.left_us(uid, now):
            return None
        for _ in range(min(missing, _AT_ONCE)):
            template = replica_set["spec"]["template"]
            try:
                self._pods.create(replica_set, pod_from_template(template, replica_set, f"{name_of(replica_set)}-"))
            except ApiError as error:
                if namespace_goes_away(error.details):
                    return None
                self._pods.refused(replica_set, error.message)
                self._retries.failed(uid, now)
                return error.message
        self._retries.forget(uid)
        for pod in removal_order(active)[: min(max(-missing, 0), _AT_ONCE)]:
            self._pods.delete(replica_set, pod)
        return None
