"""What the Deployment controller does to ReplicaSets, and tells about it (`pkg/controller/deployment/sync.go`, 1.34)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.cluster.controllers.deployment import rollout
from harness.cluster.controllers.deployment.progress import with_entry
from harness.cluster.controllers.deployment.revisions import (
    REVISION,
    annotations_for,
    annotations_of,
    next_revision,
    revision_of,
    sizes_of,
)
from harness.cluster.controllers.pods import namespace_goes_away
from harness.cluster.controllers.podtemplate import pod_template_hash
from harness.kube.client import Reader, Writer
from harness.kube.errors import AlreadyExists, ApiError
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    condition,
    controller_of,
    is_deleting,
    name_of,
    namespace_of,
    new_object,
    owner_reference,
    thaw,
    uid_of,
)
from harness.kube.resources import DEPLOYMENTS, REPLICA_SETS
from harness.kube.version import KubernetesVersion

HASH_LABEL = "pod-template-hash"


def same_template(replica_set: Object, deployment: Object) -> bool:
    """Whether both have the same pod template, the hash label aside."""
    template = thaw(replica_set["spec"]["template"])
    labels = (template.get("metadata") or {}).get("labels") or {}
    labels.pop(HASH_LABEL, None)
    return bool(template == thaw(deployment["spec"]["template"]))


def by_creation(replica_sets: Sequence[Object]) -> list[Object]:
    """Oldest first."""
    return sorted(replica_sets, key=lambda entry: (entry["metadata"]["creationTimestamp"], name_of(entry)))


class ReplicaSets:
    """Creates, annotates, scales and deletes the ReplicaSets of Deployments."""

    def __init__(self, reader: Reader, writer: Writer, events: Recorder, version: KubernetesVersion, now: Any) -> None:
        self._reader = reader
        self._writer = writer
        self._events = events
        self._version = version
        self._now = now

    def sync_revision(self, deployment: Object, new: Object, old: Sequence[Object]) -> tuple[Object, Object]:
        """Give the new ReplicaSet and the Deployment their revision; a rollback makes an old one the newest."""
        revision = next_revision(old)
        present = annotations_of(new)
        wanted = annotations_for(deployment, present, revision, exists=True)
        min_ready = int(deployment["spec"].get("minReadySeconds") or 0)
        if wanted != present or int(new["spec"].get("minReadySeconds") or 0) != min_ready:
            draft = thaw(new)
            draft["metadata"]["annotations"] = wanted
            draft["spec"]["minReadySeconds"] = min_ready
            new = self._writer.replace(REPLICA_SETS, draft)
        words = f'Found new replica set "{name_of(new)}"'
        known = condition(deployment, "Progressing") is not None
        entry = None if known else ("NewReplicaSet", "FoundNewReplicaSet", words)
        return self._note(deployment, str(revision_of(new)), entry), new

    def create(self, deployment: Object, old: Sequence[Object]) -> tuple[Object, Object | None]:
        """Create the ReplicaSet of the present template. Raises ApiError."""
        spec = deployment["spec"]
        digest = pod_template_hash(
            spec["template"], (deployment.get("status") or {}).get("collisionCount"), self._version
        )
        template = thaw(spec["template"])
        labels = template.setdefault("metadata", {}).setdefault("labels", {})
        labels[HASH_LABEL] = digest
        selector = thaw(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = digest
        size = rollout.new_size(spec, 0, sum(rollout.wanted_of(entry) for entry in old))
        revision = next_revision(old)
        body: dict[str, Any] = {"replicas": size, "selector": selector, "template": template}
        if spec.get("minReadySeconds"):
            body["minReadySeconds"] = spec["minReadySeconds"]
        draft = new_object(
            REPLICA_SETS,
            f"{name_of(deployment)}-{digest}",
            namespace_of(deployment),
            labels=labels,
            annotations=annotations_for(deployment, {}, revision, exists=False),
            owners=[owner_reference(deployment)],
            spec=body,
        )
        try:
            created = self._writer.create(REPLICA_SETS, draft)
        except AlreadyExists:
            return deployment, self._present(deployment, name_of(draft))
        except ApiError as error:
            if not namespace_goes_away(error.details):
                self._say_refused(deployment, name_of(draft), error)
            raise
        if size:
            self._say_scaled(deployment, created, 0, size)
        words = f'Created new replica set "{name_of(created)}"'
        return self._note(deployment, str(revision), ("NewReplicaSet", "NewReplicaSetCreated", words)), created

    def scale(self, deployment: Object, replica_set: Object, size: int, *, always: bool = False) -> Object:
        """Set the size, and note the Deployment's beside it; `always` notes it even if the size stays."""
        before = rollout.wanted_of(replica_set)
        present = annotations_of(replica_set)
        wanted = {**present, **sizes_of(deployment)}
        if size == before and (not always or wanted == present):
            return replica_set
        draft = thaw(replica_set)
        draft["metadata"]["annotations"] = wanted
        draft["spec"]["replicas"] = size
        changed = self._writer.replace(REPLICA_SETS, draft)
        if size != before:
            self._say_scaled(deployment, replica_set, before, size)
        return changed

    def clean_up(self, deployment: Object, old: Sequence[Object]) -> None:
        """Delete the oldest ReplicaSets beyond revisionHistoryLimit that are empty."""
        limit = int(deployment["spec"].get("revisionHistoryLimit", 10))
        alive = [entry for entry in old if not is_deleting(entry)]
        for entry in sorted(alive, key=revision_of)[: max(len(alive) - limit, 0)]:
            status = entry.get("status") or {}
            seen = int(entry["metadata"].get("generation", 1)) <= int(status.get("observedGeneration") or 0)
            if seen and not rollout.wanted_of(entry) and not status.get("replicas"):
                self._writer.delete(REPLICA_SETS, namespace_of(entry), name_of(entry))

    def _present(self, deployment: Object, name: str) -> Object | None:
        """The ReplicaSet that has the name already: ours, or a collision, which gives the next try another name."""
        present = self._reader.get(REPLICA_SETS, namespace_of(deployment), name)
        if present is None:
            return None
        if (controller_of(present) or {}).get("uid") == uid_of(deployment) and same_template(present, deployment):
            return present
        status = thaw(deployment.get("status") or {})
        status["collisionCount"] = int(status.get("collisionCount") or 0) + 1
        self._write_status(deployment, status)
        return None

    def _note(self, deployment: Object, revision: str, entry: tuple[str, str, str] | None) -> Object:
        """The Deployment's revision, and the condition Progressing if it has a deadline: in one write of the status, which stores annotations."""
        annotations = {**annotations_of(deployment), REVISION: revision}
        status = thaw(deployment.get("status") or {})
        if entry is not None and deployment["spec"].get("progressDeadlineSeconds") is not None:
            conditions = status.get("conditions") or ()
            status["conditions"] = with_entry(conditions, "Progressing", "True", entry[1], entry[2], self._now())
        if annotations == annotations_of(deployment):
            return self._write_status(deployment, status)
        metadata = {**deployment["metadata"], "annotations": annotations}
        noted = {**deployment, "metadata": metadata, "status": status}
        return self._writer.replace(DEPLOYMENTS, noted, subresource="status")

    def _say_refused(self, deployment: Object, name: str, error: ApiError) -> None:
        words = f'Failed to create new replica set "{name}": {error.message}'
        if deployment["spec"].get("progressDeadlineSeconds") is not None:
            status = thaw(deployment.get("status") or {})
            conditions = status.get("conditions") or ()
            reason = "ReplicaSetCreateError"
            status["conditions"] = with_entry(conditions, "Progressing", "False", reason, words, self._now())
            self._write_status(deployment, status)
        self._events.event(deployment, "Warning", "ReplicaSetCreateError", words)

    def _write_status(self, deployment: Object, status: dict[str, Any]) -> Object:
        if status == (deployment.get("status") or {}):
            return deployment
        return self._writer.replace(DEPLOYMENTS, {**deployment, "status": status}, subresource="status")

    def _say_scaled(self, deployment: Object, replica_set: Object, before: int, size: int) -> None:
        way = "up" if size > before else "down"
        message = f"Scaled {way} replica set {name_of(replica_set)} from {before} to {size}"
        self._events.event(deployment, "Normal", "ScalingReplicaSet", message)
