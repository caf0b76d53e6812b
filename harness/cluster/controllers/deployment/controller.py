"""The Deployment controller: one ReplicaSet a pod template, replicas moved from the old to the new (`pkg/controller/deployment`, 1.34).

Rollbacks are templates set back. The hash in a ReplicaSet's name is stable for a template, but is not the number that upstream's encoding gives.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from harness.clock import Kernel
from harness.cluster.controllers.deployment import progress, rollout
from harness.cluster.controllers.pods import is_terminal
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    controller_of,
    is_deleting,
    name_of,
    namespace_of,
    new_object,
    owner_reference,
    split_key,
    thaw,
    uid_of,
)
from harness.kube.resources import DEPLOYMENTS, PODS, REPLICA_SETS

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Any) -> str:
    """Ten characters of Kubernetes' name alphabet for a pod template."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])


def _owner_key(replica_set: Object) -> Iterable[str]:
    owner = controller_of(replica_set)
    if owner is not None and owner["kind"] == DEPLOYMENTS.kind:
        yield f"{namespace_of(replica_set)}/{owner['name']}"


def _revision(replica_set: Object) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION) or 0)


class DeploymentController:
    """Reconciles Deployments."""

    name = "deployment-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(self.name)

    def watches(self) -> Sequence[Watch]:
        """Deployments and their ReplicaSets; pods only for Recreate, which waits for the old ones to be gone."""
        return [Watch(DEPLOYMENTS), Watch(REPLICA_SETS, _owner_key), Watch(PODS, self._of_pod)]

    def reconcile(self, key: str) -> int | None:
        """One step of a rollout, then the status."""
        deployment = self._reader.get(DEPLOYMENTS, *split_key(key))
        if deployment is None:
            return None
        new, old = self._replica_sets(deployment)
        if is_deleting(deployment):
            return None
        paused = bool(deployment["spec"].get("paused"))
        recreates = deployment["spec"]["strategy"]["type"] == "Recreate"
        if new is None and not paused and (not recreates or self._all_gone(deployment, old)):
            deployment, new = self._create(deployment, old)
        if new is not None and not paused:
            new, old = self._roll(deployment, new, old)
            self._clean_up(deployment, old)
        return self._report(deployment, new, [*old, *([new] if new is not None else [])])

    def _of_pod(self, pod: Object) -> Iterable[str]:
        owner = controller_of(pod)
        if owner is None or owner["kind"] != REPLICA_SETS.kind:
            return
        replica_set = self._reader.get(REPLICA_SETS, namespace_of(pod), str(owner["name"]))
        for key in _owner_key(replica_set) if replica_set is not None else ():
            deployment = self._reader.get(DEPLOYMENTS, *split_key(key))
            if deployment is not None and deployment["spec"]["strategy"]["type"] == "Recreate":
                yield key

    def _replica_sets(self, deployment: Object) -> tuple[Object | None, list[Object]]:
        """The ReplicaSet of the present template, and the others, oldest first."""
        owned = sorted(
            self._reader.by_index(REPLICA_SETS, "owner", uid_of(deployment)),
            key=lambda entry: (entry["metadata"]["creationTimestamp"], _revision(entry), name_of(entry)),
        )
        new = next((entry for entry in owned if _same_template(entry, deployment)), None)
        return new, [entry for entry in owned if entry is not new]

    def _all_gone(self, deployment: Object, old: Sequence[Object]) -> bool:
        """Recreate: scale the old ones down; whether none of their pods lives any more."""
        for replica_set in old:
            self._scale(deployment, replica_set, 0)
        return all(
            is_terminal(pod) for replica_set in old for pod in self._reader.by_index(PODS, "owner", uid_of(replica_set))
        )

    def _create(self, deployment: Object, old: Sequence[Object]) -> tuple[Object, Object]:
        spec = deployment["spec"]
        digest = template_hash(spec["template"])
        template = thaw(spec["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH_LABEL] = digest
        selector = thaw(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = digest
        size = rollout.new_size(spec, 0, sum(rollout.wanted_of(entry) for entry in old))
        revision = str(max((_revision(entry) for entry in old), default=0) + 1)
        body = new_object(
            REPLICA_SETS,
            f"{name_of(deployment)}-{digest}",
            namespace_of(deployment),
            labels=template["metadata"]["labels"],
            annotations=self._annotations(deployment, revision),
            owners=[owner_reference(deployment)],
            spec={
                "replicas": size,
                "selector": selector,
                "template": template,
                **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
            },
        )
        created = self._writer.create(REPLICA_SETS, body)
        place = (namespace_of(deployment), name_of(deployment))
        self._writer.patch(DEPLOYMENTS, *place, {"metadata": {"annotations": {REVISION: revision}}})
        if size:
            self._say_scaled(deployment, created, 0, size)
        conditions = progress.with_entry(
            (deployment.get("status") or {}).get("conditions") or (),
            "Progressing",
            "True",
            "NewReplicaSetCreated",
            f'Created new replica set "{name_of(created)}"',
            self._kernel.now,
        )
        patch = {"status": {"conditions": conditions}}
        return self._writer.patch(DEPLOYMENTS, *place, patch, subresource="status"), created

    def _roll(self, deployment: Object, new: Object, old: list[Object]) -> tuple[Object, list[Object]]:
        spec = deployment["spec"]
        new = self._current_revision(deployment, new, old)
        total = rollout.wanted_of(new) + sum(rollout.wanted_of(entry) for entry in old)
        size = rollout.new_size(spec, rollout.wanted_of(new), total)
        if size != rollout.wanted_of(new):
            return self._scale(deployment, new, size), old
        if not any(rollout.wanted_of(entry) for entry in old):
            return new, old
        sizes = rollout.old_sizes(spec, new, old)
        return new, [self._scale(deployment, entry, size) for entry, size in zip(old, sizes, strict=True)]

    def _current_revision(self, deployment: Object, new: Object, old: Sequence[Object]) -> Object:
        """A template that comes back is the latest revision again."""
        latest = max((_revision(entry) for entry in old), default=0)
        if _revision(new) > latest:
            return new
        revision = {"metadata": {"annotations": {REVISION: str(latest + 1)}}}
        self._writer.patch(DEPLOYMENTS, namespace_of(deployment), name_of(deployment), revision)
        return self._writer.patch(REPLICA_SETS, namespace_of(new), name_of(new), revision)

    def _scale(self, deployment: Object, replica_set: Object, size: int) -> Object:
        before = rollout.wanted_of(replica_set)
        if size == before:
            return replica_set
        place = (namespace_of(replica_set), name_of(replica_set))
        changed = self._writer.patch(REPLICA_SETS, *place, {"spec": {"replicas": size}})
        self._say_scaled(deployment, replica_set, before, size)
        return changed

    def _say_scaled(self, deployment: Object, replica_set: Object, before: int, size: int) -> None:
        way = "up" if size > before else "down"
        message = f"Scaled {way} replica set {name_of(replica_set)} from {before} to {size}"
        self._events.event(deployment, "Normal", "ScalingReplicaSet", message)

    def _annotations(self, deployment: Object, revision: str) -> dict[str, str]:
        spec = deployment["spec"]
        replicas = int(spec.get("replicas", 1))
        return {
            "deployment.kubernetes.io/desired-replicas": str(replicas),
            "deployment.kubernetes.io/max-replicas": str(replicas + rollout.bounds_of(spec).surge),
            REVISION: revision,
        }

    def _clean_up(self, deployment: Object, old: Sequence[Object]) -> None:
        """Old ReplicaSets beyond revisionHistoryLimit go once they are empty."""
        empty = [
            entry
            for entry in old
            if not rollout.wanted_of(entry)
            and not (entry.get("status") or {}).get("replicas")
            and not is_deleting(entry)
        ]
        surplus = len(empty) - int(deployment["spec"].get("revisionHistoryLimit", 10))
        for entry in sorted(empty, key=_revision)[: max(surplus, 0)]:
            self._writer.delete(REPLICA_SETS, namespace_of(entry), name_of(entry), uid=uid_of(entry))

    def _report(self, deployment: Object, new: Object | None, replica_sets: Sequence[Object]) -> int | None:
        now = self._kernel.now
        status: dict[str, Any] = progress.counts(new, replica_sets)
        status["observedGeneration"] = deployment["metadata"].get("generation", 1)
        conditions: Sequence[Any] = (deployment.get("status") or {}).get("conditions") or ()
        conditions = progress.availability(deployment, status.get("availableReplicas", 0), conditions, now)
        if deployment["spec"].get("progressDeadlineSeconds") is not None:
            conditions = progress.progressing(deployment, new, status, conditions, now)
        status["conditions"] = conditions = progress.replica_failure(new, conditions, now)
        if status != deployment.get("status"):
            self._writer.patch(
                DEPLOYMENTS,
                namespace_of(deployment),
                name_of(deployment),
                [{"op": "add", "path": "/status", "value": status}],
                kind="json",
                subresource="status",
            )
        left = progress.deadline_in_us(deployment, conditions, now)
        return left if left is not None and left > 0 else None


def _same_template(replica_set: Object, deployment: Object) -> bool:
    template = thaw(replica_set["spec"]["template"])
    (template.get("metadata") or {}).get("labels", {}).pop(HASH_LABEL, None)
    return bool(template == thaw(deployment["spec"]["template"]))
