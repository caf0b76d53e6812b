"""What the StatefulSet controller does to pods and claims, and tells about it (`pkg/controller/statefulset/stateful_pod_control.go`).

Event texts begin with a small letter up to 1.34 and with a capital one since.
"""

from __future__ import annotations

from typing import Any

from harness.cluster.controllers.statefulset import claims
from harness.cluster.controllers.statefulset.identity import (
    POD_INDEX,
    POD_NAME,
    identity_matches,
    ordinal_of,
    storage_matches,
    with_storage,
)
from harness.kube.client import Reader, Writer
from harness.kube.errors import AlreadyExists, ApiError
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, name_of, namespace_of, thaw
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PODS
from harness.kube.version import KubernetesVersion

_CAPITALS = KubernetesVersion(1, 35)


class ClaimsRefused(Exception):
    """Claims that cannot be made; the text is what the event says."""


class StatefulPods:
    """Creates, mends and deletes the pods of StatefulSets with their claims."""

    def __init__(self, reader: Reader, writer: Writer, events: Recorder, version: KubernetesVersion) -> None:
        self._reader = reader
        self._writer = writer
        self._events = events
        self._capitals = version >= _CAPITALS

    def create(self, stateful_set: Object, pod: Object) -> None:
        """Claims first, then the pod. Raises ApiError or ClaimsRefused, both told in an event, and AlreadyExists, which is not."""
        try:
            self.create_claims(stateful_set, ordinal_of(pod), pod)
            stored = self._writer.create(PODS, pod)
            self._keep_policy(stateful_set, stored)
        except AlreadyExists:
            raise
        except (ApiError, ClaimsRefused) as error:
            self._say("create", stateful_set, pod, str(error))
            raise
        self._say("create", stateful_set, pod)

    def delete(self, stateful_set: Object, pod: Object) -> None:
        """Delete gracefully."""
        self._writer.delete(PODS, namespace_of(pod), name_of(pod))
        self._say("delete", stateful_set, pod)

    def mend(self, stateful_set: Object, pod: Object) -> None:
        """Put name label, volumes and claims right. Raises ApiError or ClaimsRefused."""
        matches = self.claims_match(stateful_set, pod)
        if identity_matches(stateful_set, pod) and storage_matches(stateful_set, pod) and matches:
            return
        try:
            draft: dict[str, Any] = thaw(pod)
            labels = draft["metadata"].setdefault("labels", {})
            labels.update({POD_NAME: name_of(pod), POD_INDEX: str(ordinal_of(pod))})
            if not storage_matches(stateful_set, pod):
                draft["spec"]["volumes"] = with_storage(stateful_set, draft["spec"].get("volumes", []), ordinal_of(pod))
                self.create_claims(stateful_set, ordinal_of(pod), pod)
            self._keep_policy(stateful_set, pod)
            self._writer.replace(PODS, draft)
        except (ApiError, ClaimsRefused) as error:
            self._say("update", stateful_set, pod, str(error))
            raise
        self._say("update", stateful_set, pod)

    def create_missing_claims(self, stateful_set: Object, pod: Object) -> None:
        """Claims of a pending pod that somebody has deleted. Raises ApiError or ClaimsRefused."""
        self.create_claims(stateful_set, ordinal_of(pod), pod)
        self._keep_policy(stateful_set, pod)

    def has_stale_claim(self, stateful_set: Object, pod: Object) -> bool:
        """Whether a claim still goes with a former pod of this ordinal."""
        if not claims.deletes(stateful_set)[1]:
            return False
        return any(
            claim is not None and claims.is_stale(claim, pod)
            for claim in (self._stored(draft) for draft in claims.claims_of(stateful_set, ordinal_of(pod)))
        )

    def claims_match(self, stateful_set: Object, pod: Object) -> bool:
        """Whether the claims' owners are those of the retention policy."""
        found = (self._stored(draft) for draft in claims.claims_of(stateful_set, ordinal_of(pod)))
        return all(claim is None or claims.is_up_to_date(claim, stateful_set, pod) for claim in found)

    def fix_claims(self, stateful_set: Object, pod: Object) -> None:
        """Give the claims of a pod that is not wanted any more the owners of the retention policy."""
        if not self.claims_match(stateful_set, pod):
            self._keep_policy(stateful_set, pod)

    def create_claims(self, stateful_set: Object, ordinal: int, pod: Object) -> None:
        """Create the claims that are missing. Raises ClaimsRefused."""
        wrong = []
        for draft in claims.claims_of(stateful_set, ordinal):
            name = name_of(draft)
            present = self._stored(draft)
            if present is not None:
                if is_deleting(present):
                    wrong.append(f"pvc {name} is being deleted")
                continue
            try:
                self._writer.create(PERSISTENT_VOLUME_CLAIMS, draft)
                self._say_claim(stateful_set, pod, name)
            except ApiError as error:
                wrong.append(f"failed to create PVC {name}: {error}")
                if not isinstance(error, AlreadyExists):
                    self._say_claim(stateful_set, pod, name, str(error))
        if wrong:
            raise ClaimsRefused(wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]")

    def _stored(self, claim: Object) -> Object | None:
        return self._reader.get(PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim))

    def _keep_policy(self, stateful_set: Object, pod: Object) -> None:
        for draft in claims.claims_of(stateful_set, ordinal_of(pod)):
            claim = self._stored(draft)
            if claim is None:
                continue
            if claims.has_unexpected_controller(claim, stateful_set, pod):
                message = (
                    f"PersistentVolumeClaim {name_of(claim)} has a conflicting OwnerReference that acts as a manging "
                    "controller, the retention policy is ignored for this claim"
                )
                self._events.event(stateful_set, "Warning", "ConflictingController", message)
            if not claims.is_up_to_date(claim, stateful_set, pod):
                changed = thaw(claim)
                changed["metadata"]["ownerReferences"] = claims.owners_for(claim, stateful_set, pod)
                self._writer.replace(PERSISTENT_VOLUME_CLAIMS, changed)

    def _say(self, verb: str, stateful_set: Object, pod: Object, error: str = "") -> None:
        ending = f"failed error: {error}" if error else "successful"
        words = f"{self._verb(verb)} Pod {name_of(pod)} in StatefulSet {name_of(stateful_set)} {ending}"
        self._record(stateful_set, verb, error, words)

    def _say_claim(self, stateful_set: Object, pod: Object, name: str, error: str = "") -> None:
        place = f"Pod {name_of(pod)} in StatefulSet {name_of(stateful_set)}"
        verb = self._verb("create")
        words = (
            f"{verb} Claim {name} for {place} failed error: {error}"
            if error
            else f"{verb} Claim {name} {place} success"
        )
        self._record(stateful_set, "create", error, words)

    def _record(self, stateful_set: Object, verb: str, error: str, words: str) -> None:
        if error:
            self._events.event(stateful_set, "Warning", f"Failed{verb.title()}", words)
        else:
            self._events.event(stateful_set, "Normal", f"Successful{verb.title()}", words)

    def _verb(self, verb: str) -> str:
        return verb.title() if self._capitals else verb
