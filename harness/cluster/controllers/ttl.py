"""The TTL-after-finished controller: a finished Job goes ttlSecondsAfterFinished later, with its pods (`pkg/controller/ttlafterfinished`, 1.34)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import SECOND, Kernel, parse_time
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, condition, is_deleting, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import JOBS


def finished_us(job: Object) -> int | None:
    """When a Job became Complete or Failed; None while it runs."""
    for kind in ("Complete", "Failed"):
        entry = condition(job, kind)
        if entry is not None and entry["status"] == "True":
            return parse_time(entry["lastTransitionTime"])
    return None


class TtlAfterFinishedController:
    """Deletes finished Jobs, in the foreground as upstream, so that their pods are gone before them."""

    name = "ttl-after-finished-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer

    def watches(self) -> Sequence[Watch]:
        """Jobs."""
        return [Watch(JOBS)]

    def reconcile(self, key: str) -> int | None:
        """One Job; unset means never."""
        job = self._reader.get(JOBS, *split_key(key))
        if job is None or is_deleting(job) or job["spec"].get("ttlSecondsAfterFinished") is None:
            return None
        ended = finished_us(job)
        if ended is None:
            return None
        left = ended + int(job["spec"]["ttlSecondsAfterFinished"]) * SECOND - self._kernel.now
        if left > 0:
            return left
        self._writer.delete(JOBS, namespace_of(job), name_of(job), propagation="Foreground", uid=uid_of(job))
        return None
