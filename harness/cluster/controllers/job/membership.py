"""Which pods are a Job's: it adopts orphans that its selector matches, with the tracking finalizer, and releases what it matches no more.

Follows `getPodsForJob` in `pkg/controller/job/job_controller.go` (1.34).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.cluster.controllers.job.names import FINALIZER
from harness.cluster.controllers.refs import ORPHANS, selector_of
from harness.kube.client import Reader, Writer
from harness.kube.errors import NotFound
from harness.kube.objects import (
    Object,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    owner_reference,
    uid_of,
)
from harness.kube.resources import PODS


def members(reader: Reader, writer: Writer, job: Object, owned: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """Of pods that name the Job as their controller: its own, and those of a former Job of the same name."""
    selector = selector_of(job)
    mine: list[Object] = []
    strangers: list[Object] = []
    for pod in owned:
        if (controller_of(pod) or {}).get("uid") != uid_of(job):
            strangers.append(pod)
        elif selector is None or selector.matches(labels_of(pod)):
            mine.append(pod)
        elif not is_deleting(job):
            references = {"ownerReferences": [{"$patch": "delete", "uid": uid_of(job)}]}
            _patch(writer, pod, {**references, "$deleteFromPrimitiveList/finalizers": [FINALIZER]})
    if selector is None or not selector.requirements or is_deleting(job):
        return mine, strangers
    for pod in reader.by_index(PODS, ORPHANS, namespace_of(job) or ""):
        if selector.matches(labels_of(pod)) and not is_deleting(pod):
            adopted = _patch(writer, pod, {"ownerReferences": [owner_reference(job)], "finalizers": [FINALIZER]})
            if adopted is not None:
                mine.append(adopted)
    return mine, strangers


def _patch(writer: Writer, pod: Object, metadata: dict[str, object]) -> Object | None:
    """The pod as patched; None when it is gone."""
    patch = {"metadata": {"uid": uid_of(pod), **metadata}}
    try:
        return writer.patch(PODS, namespace_of(pod), name_of(pod), patch, kind="strategic")
    except NotFound:
        return None
