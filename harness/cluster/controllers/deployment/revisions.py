"""What a Deployment writes into the annotations of its ReplicaSets: revision, history of revisions, sizes (`util/deployment_util.go`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from harness.cluster.controllers.deployment.rollout import DESIRED, MAXIMUM, bounds_of, replicas_of
from harness.kube.objects import Object

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
_HISTORY_MAX = 2000  # characters
_OWN = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAXIMUM,
    "deprecated.deployment.rollback.to",
}


def annotations_of(obj: Object) -> dict[str, str]:
    """A copy of `metadata.annotations`."""
    return dict(obj["metadata"].get("annotations") or {})


def revision_of(obj: Object) -> int:
    """The revision in an object's annotations, 0 without."""
    text = annotations_of(obj).get(REVISION) or "0"
    return int(text) if text.isdigit() else 0


def next_revision(old: Iterable[Object]) -> int:
    """One more than the old ReplicaSets have."""
    return max((revision_of(entry) for entry in old), default=0) + 1


def sizes_of(deployment: Object) -> dict[str, str]:
    """The annotations by which a later change of `spec.replicas` is noticed."""
    replicas = replicas_of(deployment["spec"])
    return {DESIRED: str(replicas), MAXIMUM: str(replicas + bounds_of(deployment["spec"]).surge)}


def annotations_for(deployment: Object, present: dict[str, str], revision: int, *, exists: bool) -> dict[str, str]:
    """The annotations of the new ReplicaSet: the Deployment's, the revision, and the revisions that it had before."""
    wanted = dict(present)
    wanted.update({key: value for key, value in annotations_of(deployment).items() if key not in _OWN})
    before = present.get(REVISION)
    if before is None or (before.isdigit() and int(before) < revision):
        wanted[REVISION] = str(revision)
        if before is not None:
            wanted[HISTORY] = _with_history(present.get(HISTORY, ""), before)
    if not exists:
        wanted.update(sizes_of(deployment))
    return wanted


def _with_history(history: str, revision: str) -> str:
    """`1,3` and 5 make `1,3,5`; the oldest go when it becomes too long."""
    if not history:
        return revision
    parts = history.split(",")
    while parts and len(",".join((*parts, revision))) > _HISTORY_MAX:
        parts.pop(0)
    return ",".join((*parts, revision))
