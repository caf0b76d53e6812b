"""The revisions of a DaemonSet (`constructHistory`, `snapshot`, `cleanupHistory` in `pkg/controller/daemon/update.go`, 1.34)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cluster.controllers import revisions
from harness.cluster.controllers.daemonset.placement import REVISION
from harness.cluster.controllers.podtemplate import pod_template_hash
from harness.kube.client import Reader, Writer
from harness.kube.errors import AlreadyExists
from harness.kube.objects import Object, labels_of, name_of, namespace_of, thaw
from harness.kube.resources import CONTROLLER_REVISIONS, DAEMON_SETS, PODS
from harness.kube.version import KubernetesVersion


class History:
    """Reads and writes the ControllerRevisions of DaemonSets."""

    def __init__(self, reader: Reader, writer: Writer, version: KubernetesVersion) -> None:
        self._reader = reader
        self._writer = writer
        self._version = version

    def construct(self, daemon_set: Object, pods: Sequence[Object]) -> tuple[Object, list[Object]]:
        """The revision of the present template, made if need be, and the old ones. Raises AlreadyExists after noting a collision of names."""
        data = revisions.data_of(daemon_set)
        known = [self._labelled(entry) for entry in revisions.adopt(self._reader, self._writer, daemon_set)]
        old = [entry for entry in known if entry["data"] != data]
        present = [entry for entry in known if entry["data"] == data]
        number = max((revisions.number_of(entry) for entry in old), default=0) + 1
        if not present:
            return self._snapshot(daemon_set, number), old
        current = self._only(present, pods)
        if revisions.number_of(current) < number:
            revisions.renumber(self._writer, current, number)
        return current, old

    def clean(self, daemon_set: Object, old: Sequence[Object], pods: Sequence[Object]) -> None:
        """Delete the oldest revisions that no pod has, until no more than revisionHistoryLimit are left."""
        surplus = len(old) - int(daemon_set["spec"].get("revisionHistoryLimit", 10))
        live = {labels_of(pod).get(REVISION) for pod in pods}
        for entry in sorted(old, key=revisions.number_of):
            if surplus <= 0:
                return
            if labels_of(entry).get(REVISION) not in live:
                self._writer.delete(CONTROLLER_REVISIONS, namespace_of(entry), name_of(entry))
                surplus -= 1

    def _labelled(self, revision: Object) -> Object:
        if REVISION in labels_of(revision):
            return revision
        changed = thaw(revision)
        changed["metadata"].setdefault("labels", {})[REVISION] = name_of(revision)
        return self._writer.replace(CONTROLLER_REVISIONS, changed)

    def _only(self, present: Sequence[Object], pods: Sequence[Object]) -> Object:
        """Of several revisions with this template the newest; pods of the others are labelled anew."""
        kept = max(present, key=revisions.number_of)
        if len(present) == 1:
            return kept
        digest = labels_of(kept)[REVISION]
        for pod in pods:
            if labels_of(pod).get(REVISION) != digest:
                patch = {"metadata": {"labels": {REVISION: digest}}}
                self._writer.patch(PODS, namespace_of(pod), name_of(pod), patch)
        for entry in present:
            if entry is not kept:
                self._writer.delete(CONTROLLER_REVISIONS, namespace_of(entry), name_of(entry))
        return kept

    def _snapshot(self, daemon_set: Object, number: int) -> Object:
        count = (daemon_set.get("status") or {}).get("collisionCount")
        digest = pod_template_hash(daemon_set["spec"]["template"], count, self._version)
        name, data = f"{name_of(daemon_set)}-{digest}", revisions.data_of(daemon_set)
        draft = revisions.new_revision(daemon_set, name, number, data, {REVISION: digest})
        try:
            return self._writer.create(CONTROLLER_REVISIONS, draft)
        except AlreadyExists:
            present = self._reader.get(CONTROLLER_REVISIONS, namespace_of(daemon_set), name)
            if present is not None and present["data"] == data:
                return present
            status = {**(daemon_set.get("status") or {}), "collisionCount": int(count or 0) + 1}
            self._writer.replace(DAEMON_SETS, {**daemon_set, "status": status}, subresource="status")
            raise
