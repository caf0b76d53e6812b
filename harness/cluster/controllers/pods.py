"""What several controllers ask of pods: phases, readiness, when one ended, and making one from a template.

Follows `pkg/controller/controller_utils.go` (1.34).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import SECOND, parse_time
from harness.kube.client import Writer
from harness.kube.errors import ApiError, NotFound
from harness.kube.events import Recorder
from harness.kube.objects import Object, condition, is_deleting, is_true, name_of, owner_reference, thaw, uid_of
from harness.kube.resources import PODS

_EPOCH = "1970-01-01T00:00:00Z"
TERMINAL_PHASES = frozenset({"Succeeded", "Failed"})


def phase_of(pod: Object) -> str:
    """`status.phase`, Pending when unset."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_terminal(pod: Object) -> bool:
    """Whether the pod has ended."""
    return phase_of(pod) in TERMINAL_PHASES


def is_active(pod: Object) -> bool:
    """Neither ended nor asked to end."""
    return not is_terminal(pod) and not is_deleting(pod)


def is_terminating(pod: Object) -> bool:
    """Asked to end, but still there and not ended."""
    return is_deleting(pod) and not is_terminal(pod)


def is_ready(pod: Object) -> bool:
    """Its condition Ready."""
    return is_true(pod, "Ready")


def ready_since_us(pod: Object) -> int | None:
    """When it became ready; None while it is not."""
    entry = condition(pod, "Ready")
    if entry is None or entry.get("status") != "True":
        return None
    return parse_time(str(entry.get("lastTransitionTime") or _EPOCH))


def available_in_us(pod: Object, min_ready_s: int, now_us: int) -> int | None:
    """How long until a pod counts as available: 0 when it does, None when it is not ready."""
    entry = condition(pod, "Ready")
    if entry is None or entry.get("status") != "True":
        return None
    if min_ready_s == 0:
        return 0
    since = entry.get("lastTransitionTime")  # without it a pod is never ready for long enough
    return None if not since else max(parse_time(str(since)) + min_ready_s * SECOND - now_us, 0)


def is_available(pod: Object, min_ready_s: int, now_us: int) -> bool:
    """Ready for at least minReadySeconds."""
    return available_in_us(pod, min_ready_s, now_us) == 0


def finish_time_us(pod: Object) -> int:
    """When a pod ended, as well as the object tells: its last container's end, its loss of readiness, the deletion, its creation."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ended = [((status.get("state") or {}).get("terminated") or {}).get("finishedAt") for status in statuses]
    if ended and all(ended):
        return max(parse_time(str(moment)) for moment in ended)
    entry = condition(pod, "Ready")
    if entry is not None and entry.get("status") == "False" and entry.get("lastTransitionTime"):
        return parse_time(str(entry["lastTransitionTime"]))
    metadata = pod["metadata"]
    if is_deleting(pod):
        return parse_time(metadata["deletionTimestamp"]) - int(metadata.get("deletionGracePeriodSeconds") or 0) * SECOND
    return parse_time(metadata["creationTimestamp"])


def pod_from_template(template: Mapping[str, Any], owner: Object, generate_name: str) -> dict[str, Any]:
    """The pod that a controlled template describes."""
    source = template.get("metadata") or {}
    metadata: dict[str, Any] = {
        "generateName": generate_name,
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [owner_reference(owner)],
    }
    for field in ("labels", "annotations", "finalizers"):
        if source.get(field):
            metadata[field] = thaw(source[field])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": thaw(template.get("spec") or {})}


class PodControl:
    """Creates and deletes the pods of an owner, and tells so on the owner."""

    def __init__(self, writer: Writer, events: Recorder) -> None:
        self._writer = writer
        self._events = events

    def create(self, owner: Object, pod: Mapping[str, Any]) -> Object:
        """Create; event SuccessfulCreate."""
        created = self._writer.create(PODS, pod)
        self._events.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {name_of(created)}")
        return created

    def create_some(self, owner: Object, pods: Sequence[Mapping[str, Any]]) -> tuple[int, ApiError | None]:
        """Create in batches of 1, 2, 4 ... until one is refused; how many there are now, and the first refusal.

        So an owner whose pods are all refused asks a few times and not hundreds of times. A namespace that goes away is no refusal.
        """
        made, start, size = 0, 0, 1
        while start < len(pods):
            refusal: ApiError | None = None
            for pod in pods[start : start + size]:
                try:
                    self.create(owner, pod)
                    made += 1
                except ApiError as error:
                    if not namespace_goes_away(error.details):
                        self.refused(owner, error.message)
                        refusal = refusal or error
            if refusal is not None:
                return made, refusal
            start += size
            size *= 2
        return made, None

    def delete(self, owner: Object, pod: Object) -> None:
        """Delete gracefully; event SuccessfulDelete. What is gone already is no mistake."""
        try:
            self._writer.delete(PODS, pod["metadata"]["namespace"], name_of(pod), uid=uid_of(pod))
        except NotFound:
            return
        self._events.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")

    def refused(self, owner: Object, message: str) -> None:
        """A creation failed; event FailedCreate."""
        self._events.event(owner, "Warning", "FailedCreate", f"Error creating: {message}")


class Retries:
    """When something that the API refused may be tried again: a delay that doubles from failure to failure (client-go's exponential rate limiter)."""

    def __init__(self, first_us: int, last_us: int) -> None:
        self._first_us = first_us
        self._last_us = last_us
        self._failures: dict[str, tuple[int, int]] = {}  # by uid: how many, and when to try again

    def left_us(self, uid: str, now_us: int) -> int:
        """How long to wait still; 0 to go ahead."""
        return max(self._failures.get(uid, (0, 0))[1] - now_us, 0)

    def failed(self, uid: str, now_us: int) -> int:
        """It was refused again; the time until the next try."""
        count = self._failures.get(uid, (0, 0))[0]
        delay_us = min(self._first_us << min(count, 40), self._last_us)
        self._failures[uid] = (count + 1, now_us + delay_us)
        return delay_us

    def forget(self, uid: str) -> None:
        """It went well, or does not matter any more."""
        self._failures.pop(uid, None)


def namespace_goes_away(details: Mapping[str, Any]) -> bool:
    """Whether an error of the API says that the namespace is being terminated: nothing more will be created there."""
    causes: Sequence[Mapping[str, Any]] = details.get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
