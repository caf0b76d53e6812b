"""The Deployment controller: one ReplicaSet a pod template, replicas moved from the old to the new (`pkg/controller/deployment`, 1.34 to 1.36).

`rollout` and `progress` say how many and what to say, `replicasets` does it; here is the order. `kubectl rollout undo` sets an old template back,
which makes its ReplicaSet the new one again. The annotation `deprecated.deployment.rollback.to` of extensions/v1beta1 is not modelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.clock import MILLISECOND, SECOND, Kernel
from harness.cluster.controllers.deployment import progress, rollout
from harness.cluster.controllers.deployment.replicasets import ReplicaSets, by_creation, same_template
from harness.cluster.controllers.pods import Retries, is_terminal, namespace_goes_away
from harness.cluster.controllers.refs import claim, index_orphans, keys_of_owners
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import AlreadyExists, ApiError, Conflict
from harness.kube.events import Recorder
from harness.kube.objects import Object, controller_of, is_deleting, namespace_of, split_key, uid_of
from harness.kube.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from harness.kube.version import KubernetesVersion

_COUNTS_TERMINATING = KubernetesVersion(1, 35)
_RETRY_FIRST_US, _RETRY_LAST_US = 5 * MILLISECOND, 1000 * SECOND


class DeploymentController:
    """Reconciles Deployments."""

    name = "deployment-controller"

    def __init__(
        self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder, version: KubernetesVersion
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(self.name)
        self._sets = ReplicaSets(reader, writer, self._events, version, lambda: kernel.now)
        self._counts_terminating = version >= _COUNTS_TERMINATING
        self._retries = Retries(_RETRY_FIRST_US, _RETRY_LAST_US)
        self._owners = keys_of_owners(reader, DEPLOYMENTS)
        index_orphans(reader, REPLICA_SETS)

    def watches(self) -> Sequence[Watch]:
        """Deployments and their ReplicaSets; pods only for Recreate, which waits for the old ones to be gone."""
        return [Watch(DEPLOYMENTS), Watch(REPLICA_SETS, self._owners), Watch(PODS, self._of_pod)]

    def reconcile(self, key: str) -> int | None:
        """One step of a rollout, then the status."""
        deployment = self._reader.get(DEPLOYMENTS, *split_key(key))
        if deployment is None:
            return None
        if not (deployment["spec"].get("selector") or {}):
            words = "This deployment is selecting all pods. A non-empty selector is required."
            self._events.event(deployment, "Warning", "SelectingAll", words)
            return None
        uid, now = uid_of(deployment), self._kernel.now
        if blocked_us := self._retries.left_us(uid, now):
            return blocked_us
        try:
            again_us = self._sync(deployment)
        except (Conflict, AlreadyExists):
            raise
        except ApiError as error:
            if namespace_goes_away(error.details):
                return None
            return self._retries.failed(uid, now)
        self._retries.forget(uid)
        return again_us

    def _sync(self, deployment: Object) -> int | None:
        owned = by_creation(claim(self._reader, self._writer, REPLICA_SETS, deployment))
        if is_deleting(deployment):
            new, old = _split(deployment, owned)
            return self._report(deployment, new, old, says_progress=False)
        conditions = progress.paused(deployment, self._kernel.now)
        if conditions is not None:
            status = {**(deployment.get("status") or {}), "conditions": conditions}
            deployment = self._writer.replace(DEPLOYMENTS, {**deployment, "status": status}, subresource="status")
        if deployment["spec"].get("paused") or rollout.is_scaling(deployment, owned):
            return self._size(deployment, owned)
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            return self._recreate(deployment, owned)
        return self._roll(deployment, owned)

    def _size(self, deployment: Object, owned: Sequence[Object]) -> int | None:
        """While paused, or when `spec.replicas` has changed: keep the shares of the ReplicaSets, begin nothing new."""
        deployment, new, old = self._revisions(deployment, owned, create=False)
        new, old = self._scale_all(deployment, new, old)
        if deployment["spec"].get("paused"):
            self._sets.clean_up(deployment, old)
        return self._report(deployment, new, old, says_progress=False)

    def _scale_all(
        self, deployment: Object, new: Object | None, old: list[Object]
    ) -> tuple[Object | None, list[Object]]:
        every = [*old, *([new] if new is not None else [])]
        active = [entry for entry in every if rollout.wanted_of(entry) > 0]
        sizes: dict[str, int] = {}
        if len(active) <= 1:
            latest = active[-1:] or ([new] if new is not None else old[-1:])
            sizes = {uid_of(entry): rollout.replicas_of(deployment["spec"]) for entry in latest}
        elif rollout.is_saturated(deployment, new):
            sizes = {uid_of(entry): 0 for entry in active if entry is not new}
        elif deployment["spec"]["strategy"]["type"] == "RollingUpdate":
            by_name = rollout.proportional(deployment, active)
            sizes = {uid_of(entry): by_name[entry["metadata"]["name"]] for entry in active}
        always = len(active) > 1
        changed = [
            self._sets.scale(deployment, entry, sizes[uid_of(entry)], always=always)
            if uid_of(entry) in sizes
            else entry
            for entry in every
        ]
        return (changed[-1], changed[:-1]) if new is not None else (None, changed)

    def _roll(self, deployment: Object, owned: Sequence[Object]) -> int | None:
        """RollingUpdate: up first, and down only when there is nothing to add."""
        deployment, new, old = self._revisions(deployment, owned, create=True)
        if new is None:
            return self._retry(deployment)
        spec = deployment["spec"]
        total = sum(rollout.wanted_of(entry) for entry in (*old, new))
        size = rollout.new_size(spec, rollout.wanted_of(new), total)
        if size != rollout.wanted_of(new):
            new = self._sets.scale(deployment, new, size)
            return self._report(deployment, new, old)
        if rollout.is_behind(spec, new, old):
            return self._retry(deployment)
        before = [rollout.wanted_of(entry) for entry in old]
        healthy = rollout.without_unhealthy(spec, new, old) if any(before) else before
        old = [self._sets.scale(deployment, entry, size) for entry, size in zip(old, healthy, strict=True)]
        fewer = rollout.without_surplus(spec, new, old, healthy) if self._has_spare(spec, new, before) else healthy
        old = [self._sets.scale(deployment, entry, size) for entry, size in zip(old, fewer, strict=True)]
        if fewer == before and progress.is_complete(deployment, deployment.get("status") or {}):
            self._sets.clean_up(deployment, old)
        return self._report(deployment, new, old)

    @staticmethod
    def _has_spare(spec: Any, new: Object, before: Sequence[int]) -> bool:
        """Whether anything old may go at all: pods of the new ReplicaSet that are not available count as missing."""
        floor = rollout.replicas_of(spec) - rollout.bounds_of(spec).unavailable
        missing = rollout.wanted_of(new) - rollout.available_of(new)
        return any(before) and sum(before) + rollout.wanted_of(new) - floor - missing > 0

    def _recreate(self, deployment: Object, owned: Sequence[Object]) -> int | None:
        """Recreate: the old ones down, their pods gone, then the new one up."""
        deployment, new, old = self._revisions(deployment, owned, create=False)
        if any(rollout.wanted_of(entry) for entry in old):
            old = [self._sets.scale(deployment, entry, 0) for entry in old]
            return self._report(deployment, new, old)
        if any(not is_terminal(pod) for entry in old for pod in self._reader.by_index(PODS, "owner", uid_of(entry))):
            return self._report(deployment, new, old)
        if new is None:
            deployment, new, old = self._revisions(deployment, owned, create=True)
            if new is None:
                return self._retry(deployment)
        new = self._sets.scale(deployment, new, rollout.replicas_of(deployment["spec"]))
        if progress.is_complete(deployment, deployment.get("status") or {}):
            self._sets.clean_up(deployment, old)
        return self._report(deployment, new, old)

    def _revisions(
        self, deployment: Object, owned: Sequence[Object], *, create: bool
    ) -> tuple[Object, Object | None, list[Object]]:
        """The Deployment, its ReplicaSet of the present template (made if asked for) and the others, oldest first."""
        new, old = _split(deployment, owned)
        if new is not None:
            deployment, new = self._sets.sync_revision(deployment, new, old)
        elif create:
            deployment, new = self._sets.create(deployment, old)
        return deployment, new, old

    def _retry(self, deployment: Object) -> int | None:
        """Upstream's error for what passes by itself: a name that was taken, a status that is behind."""
        return self._retries.failed(uid_of(deployment), self._kernel.now)

    def _of_pod(self, pod: Object) -> Iterable[str]:
        owner = controller_of(pod)
        if owner is None or owner["kind"] != REPLICA_SETS.kind:
            return
        replica_set = self._reader.get(REPLICA_SETS, namespace_of(pod), str(owner["name"]))
        if replica_set is None or controller_of(replica_set) is None:
            return
        for key in self._owners(replica_set):
            deployment = self._reader.get(DEPLOYMENTS, *split_key(key))
            if deployment is not None and deployment["spec"]["strategy"]["type"] == "Recreate":
                yield key

    def _report(
        self, deployment: Object, new: Object | None, old: Sequence[Object], *, says_progress: bool = True
    ) -> int | None:
        now, before = self._kernel.now, deployment.get("status") or {}
        every = [*old, *([new] if new is not None else [])]
        status: dict[str, Any] = progress.counts(new, every, terminating=self._counts_terminating)
        status["observedGeneration"] = deployment["metadata"].get("generation", 1)
        if "collisionCount" in before:
            status["collisionCount"] = before["collisionCount"]
        conditions: Sequence[Any] = before.get("conditions") or ()
        conditions = progress.availability(deployment, status.get("availableReplicas", 0), conditions, now)
        if says_progress:
            conditions = progress.progressing(deployment, new, status, conditions, now)
            conditions = progress.replica_failure(new, old, conditions, now)
        status["conditions"] = conditions
        if status != before:
            self._writer.replace(DEPLOYMENTS, {**deployment, "status": status}, subresource="status")
        left = progress.deadline_in_us(deployment, conditions, now)
        return left if says_progress and left is not None and left > 0 else None


def _split(deployment: Object, owned: Sequence[Object]) -> tuple[Object | None, list[Object]]:
    """The oldest ReplicaSet with the present template, and the others."""
    new = next((entry for entry in owned if same_template(entry, deployment)), None)
    return new, [entry for entry in owned if entry is not new]
