"""The StatefulSet controller: pods with names that stay (`pkg/controller/statefulset`, 1.34 to 1.36).

Each reconcile finds the current and the update revision, lets `work` decide, acts, writes the status, and trims the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.clock import MILLISECOND, SECOND, Kernel
from harness.cluster.controllers import revisions
from harness.cluster.controllers.pods import Retries, namespace_goes_away, phase_of
from harness.cluster.controllers.refs import claim, index_orphans, keys_of_owners
from harness.cluster.controllers.statefulset import status as counting
from harness.cluster.controllers.statefulset import work
from harness.cluster.controllers.statefulset.identity import is_member, new_pod, ordinal_of, revision_of
from harness.cluster.controllers.statefulset.pods import ClaimsRefused, StatefulPods
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import ApiError
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import CONTROLLER_REVISIONS, PODS, STATEFUL_SETS
from harness.kube.version import KubernetesVersion

_RETRY_FIRST_US, _RETRY_LAST_US = 5 * MILLISECOND, 1000 * SECOND  # client-go's default rate limiter


class StatefulSetController:
    """Reconciles StatefulSets. `max_unavailable` is the feature gate MaxUnavailableStatefulSet, off by default up to 1.36."""

    name = "statefulset-controller"

    def __init__(
        self,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        version: KubernetesVersion,
        *,
        max_unavailable: bool = False,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._pods = StatefulPods(reader, writer, recorder.named(self.name), version)
        self._max_unavailable = max_unavailable
        self._retries = Retries(_RETRY_FIRST_US, _RETRY_LAST_US)
        for resource in (PODS, CONTROLLER_REVISIONS):
            index_orphans(reader, resource)

    def watches(self) -> Sequence[Watch]:
        """StatefulSets and their pods."""
        return [Watch(STATEFUL_SETS), Watch(PODS, keys_of_owners(self._reader, STATEFUL_SETS))]

    def reconcile(self, key: str) -> int | None:
        """One step, as far as order and readiness allow."""
        stateful_set = self._reader.get(STATEFUL_SETS, *split_key(key))
        if stateful_set is None:
            return None
        uid, now = uid_of(stateful_set), self._kernel.now
        if blocked_us := self._retries.left_us(uid, now):
            return blocked_us
        history = revisions.adopt(self._reader, self._writer, stateful_set)
        pods = claim(self._reader, self._writer, PODS, stateful_set, lambda pod: is_member(stateful_set, pod))
        current, update, collisions = self._revisions(stateful_set, history)
        seen = self._look(stateful_set, pods, current, update)
        status: dict[str, Any] = {
            "observedGeneration": stateful_set["metadata"].get("generation", 1),
            "currentRevision": name_of(current),
            "updateRevision": name_of(update),
            "collisionCount": collisions,
        }
        retry_us: int | None = None
        removed = 0
        try:
            if not is_deleting(stateful_set):
                removed = self._work(seen, name_of(update))
            self._retries.forget(uid)
        except (ApiError, ClaimsRefused) as error:
            if not (isinstance(error, ApiError) and namespace_goes_away(error.details)):
                retry_us = self._retries.failed(uid, now)
        looked = pods if is_deleting(stateful_set) else (*seen.replicas, *seen.condemned)
        status |= counting.counts(looked, seen.min_ready_s, name_of(current), name_of(update), now)
        status["currentReplicas"] -= removed
        self._write(stateful_set, status)
        self._trim(stateful_set, pods, {name_of(current), name_of(update)})
        return min((moment for moment in (retry_us, work.next_change_us(seen)) if moment), default=None)

    def _look(self, stateful_set: Object, pods: Sequence[Object], current: Object, update: Object) -> work.Look:
        def draft(ordinal: int) -> dict[str, Any]:
            revision = current if work.uses_current(stateful_set, ordinal) else update
            return new_pod(stateful_set, revisions.template_in(revision), name_of(revision), ordinal)

        return work.look(stateful_set, pods, draft, self._kernel.now)

    def _revisions(self, stateful_set: Object, history: Sequence[Object]) -> tuple[Object, Object, int]:
        """The current and the update revision; a template that was there before gets a new number, a new one a new revision."""
        status = stateful_set.get("status") or {}
        collisions = int(status.get("collisionCount") or 0)
        data = revisions.data_of(stateful_set)
        number = revisions.number_of(history[-1]) + 1 if history else 1
        same = [entry for entry in history if entry["data"] == data]
        if same and history[-1]["data"] == data:
            update = history[-1]
        elif same:
            update = revisions.renumber(self._writer, same[-1], number)
        else:
            update, collisions = revisions.create(self._reader, self._writer, stateful_set, number, collisions)
        name = status.get("currentRevision")
        current = next((entry for entry in history if name_of(entry) == name), update)
        return current, update, collisions

    def _work(self, seen: work.Look, update: str) -> int:
        """Act on replicas, then on condemned pods, then on outdated ones; how many current pods were removed for an update."""
        stateful_set = seen.stateful_set
        for pod in seen.replicas:
            if self._tend(seen, pod) and seen.monotonic:
                return 0
        for pod in seen.condemned:
            self._pods.fix_claims(stateful_set, pod)
        first = seen.first_unavailable()
        for pod in seen.condemned:
            if work.may_condemn(seen, pod, first):
                self._pods.delete(stateful_set, pod)
            if seen.monotonic:
                return 0
        rolling = stateful_set["spec"]["updateStrategy"].get("rollingUpdate") or {}
        limit = rolling.get("maxUnavailable", 1) if self._max_unavailable else None
        old = work.outdated(seen, update, limit)
        for pod in old:
            if counting.is_created(pod):
                self._pods.delete(stateful_set, pod)
        return len(old)

    def _tend(self, seen: work.Look, pod: Object) -> bool:
        """One wanted pod; whether those above it have to wait."""
        stateful_set, todo = seen.stateful_set, work.step(seen, pod)
        if todo.action == "create":
            if self._pods.has_stale_claim(stateful_set, pod):
                return True
            self._pods.create(stateful_set, pod)
        elif todo.action == "delete":
            self._pods.delete(stateful_set, pod)
        else:
            if phase_of(pod) == "Pending":
                self._pods.create_missing_claims(stateful_set, pod)
            if todo.action == "mend":
                self._pods.mend(stateful_set, pod)
        return todo.stop

    def _write(self, stateful_set: Object, status: dict[str, Any]) -> None:
        counting.complete(stateful_set, status)
        before = stateful_set.get("status") or {}
        stored = self._reader.get(STATEFUL_SETS, namespace_of(stateful_set), name_of(stateful_set))
        if stored is None or not counting.differs(before, status):
            return
        changed = {**stateful_set, "status": counting.stored_form(status)}
        self._writer.replace(STATEFUL_SETS, changed, subresource="status")

    def _trim(self, stateful_set: Object, pods: Sequence[Object], live: set[str]) -> None:
        """Delete the oldest revisions that nobody uses, beyond revisionHistoryLimit."""
        live = live | {revision_of(pod) for pod in pods if ordinal_of(pod) >= 0}
        history = [entry for entry in revisions.owned(self._reader, stateful_set) if name_of(entry) not in live]
        surplus = len(history) - int(stateful_set["spec"].get("revisionHistoryLimit", 10))
        for entry in history[: max(surplus, 0)]:
            self._writer.delete(CONTROLLER_REVISIONS, namespace_of(entry), name_of(entry))
