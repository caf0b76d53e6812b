"""The ReplicaSet controller: keeps the wanted number of pods (`pkg/controller/replicaset`, 1.34). ReplicationControllers are run by the same code.

The status that a reconcile writes counts the pods from before what it did, as upstream: what it created is counted when it is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.clock import MILLISECOND, SECOND, Kernel, format_time
from harness.cluster.controllers.pods import (
    PodControl,
    Retries,
    available_in_us,
    is_active,
    is_ready,
    is_terminating,
    pod_from_template,
)
from harness.cluster.controllers.refs import claim, index_orphans, keys_of_owners, selector_of
from harness.cluster.controllers.removal import ranked_removal_order
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    condition,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
    split_key,
    uid_of,
)
from harness.kube.resources import PODS, REPLICA_SETS, REPLICATION_CONTROLLERS, Resource
from harness.kube.selectors import from_labels
from harness.kube.version import KubernetesVersion

_AT_ONCE = 500  # BurstReplicas
_RETRY_FIRST_US, _RETRY_LAST_US = 5 * MILLISECOND, 1000 * SECOND  # client-go's default rate limiter
_COUNTS_TERMINATING = KubernetesVersion(1, 35)  # DeploymentReplicaSetTerminatingReplicas is on by default
REPLICA_FAILURE = "ReplicaFailure"


def counts_of(replica_set: Object, active: Sequence[Object], terminating: int | None, now_us: int) -> dict[str, Any]:
    """The status that these pods make; counts of nothing are left out as upstream does, but `terminatingReplicas` if it is counted at all."""
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
        **({} if terminating is None else {"terminatingReplicas": terminating}),
        **{field: count for field, count in counts.items() if count},
    }


class ReplicaSetController:
    """Reconciles ReplicaSets."""

    name = "replicaset-controller"
    resource: Resource = REPLICA_SETS

    def __init__(
        self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder, version: KubernetesVersion
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._pods = PodControl(writer, recorder.named(self.name))
        self._counts_terminating = version >= _COUNTS_TERMINATING and self.resource == REPLICA_SETS
        self._retries = Retries(_RETRY_FIRST_US, _RETRY_LAST_US)
        index_orphans(reader, PODS)

    def watches(self) -> Sequence[Watch]:
        """ReplicaSets and their pods."""
        return [Watch(self.resource), Watch(PODS, keys_of_owners(self._reader, self.resource))]

    def reconcile(self, key: str) -> int | None:
        """Create or remove pods, and write the status."""
        replica_set = self._reader.get(self.resource, *split_key(key))
        if replica_set is None:
            return None
        uid, now = uid_of(replica_set), self._kernel.now
        pods = claim(self._reader, self._writer, PODS, replica_set, adopts=is_active)
        active = [pod for pod in pods if is_active(pod)]
        waits = bool(self._retries.left_us(uid, now))
        refusal = None if waits or is_deleting(replica_set) else self._keep_number(replica_set, active)
        terminating = sum(is_terminating(pod) for pod in pods) if self._counts_terminating else None
        status = counts_of(replica_set, active, terminating, now)
        if conditions := self._failure(replica_set, len(active), refusal, waits=waits):
            status["conditions"] = conditions
        if status != replica_set.get("status"):
            self._writer.replace(self.resource, {**replica_set, "status": status}, subresource="status")
        min_ready_s = int(replica_set["spec"].get("minReadySeconds") or 0)
        delays = [available_in_us(pod, min_ready_s, now) for pod in active]
        return min((delay for delay in (*delays, self._retries.left_us(uid, now)) if delay), default=None)

    def _failure(self, replica_set: Object, active: int, refusal: str | None, *, waits: bool) -> list[dict[str, Any]]:
        """The conditions: ReplicaFailure from the first refusal until a reconcile goes well."""
        standing = condition(replica_set, REPLICA_FAILURE)
        others = [
            dict(entry)
            for entry in (replica_set.get("status") or {}).get("conditions") or ()
            if entry["type"] != REPLICA_FAILURE
        ]
        if standing is not None and (refusal is not None or waits):
            return [*others, dict(standing)]
        if refusal is None:
            return others
        missing = int(replica_set["spec"].get("replicas", 1)) - active
        entry = {
            "type": REPLICA_FAILURE,
            "status": "True",
            "reason": "FailedCreate" if missing > 0 else "FailedDelete",
            "message": refusal,
            "lastTransitionTime": format_time(self._kernel.now),
        }
        return [*others, entry]

    def _keep_number(self, replica_set: Object, active: Sequence[Object]) -> str | None:
        """Create what is missing, remove what is too much; why the API refused, if it did."""
        uid = uid_of(replica_set)
        missing = int(replica_set["spec"].get("replicas", 1)) - len(active)
        if missing > 0:
            draft = pod_from_template(replica_set["spec"]["template"], replica_set, f"{name_of(replica_set)}-")
            _, error = self._pods.create_some(replica_set, [draft] * min(missing, _AT_ONCE))
            if error is not None:
                self._retries.failed(uid, self._kernel.now)
                return error.message
        elif missing < 0:
            order: Sequence[Object] = active
            if -missing < len(active):
                order = ranked_removal_order(active, self._related(replica_set), self._kernel.now)
            for pod in order[: min(-missing, _AT_ONCE)]:
                self._pods.delete(replica_set, pod)
        self._retries.forget(uid)
        return None

    def _related(self, replica_set: Object) -> list[Object]:
        """The pods of all that have the same controller: a Deployment's ReplicaSets share their nodes."""
        owner = controller_of(replica_set)
        siblings: Sequence[Object] = [replica_set]
        if owner is not None:
            siblings = self._reader.by_index(self.resource, "owner", str(owner["uid"]))
        found: dict[str, Object] = {}
        for sibling in siblings:
            selector = selector_of(sibling)
            for pod in self._reader.by_index(PODS, "owner", uid_of(sibling)):
                if selector is not None and selector.matches(labels_of(pod)):
                    found[uid_of(pod)] = pod
        return [found[uid] for uid in found]


class ReplicationControllerController(ReplicaSetController):
    """Reconciles ReplicationControllers, the older form: a plain label selector."""

    name = "replication-controller"
    resource = REPLICATION_CONTROLLERS
