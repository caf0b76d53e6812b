"""ControllerRevisions: the pod templates that a StatefulSet or a DaemonSet has had, one object each.

Follows `pkg/controller/history` and the `getPatch` of both controllers (1.34). A revision holds the template as a strategic merge patch that replaces it. Its
hash covers the bytes that Go's encoder would write for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.controllers.hashes import fnv32, go_json, safe_encode
from harness.cluster.controllers.refs import ORPHANS, claim, selector_of
from harness.kube.client import Reader, Writer
from harness.kube.errors import AlreadyExists
from harness.kube.objects import (
    Object,
    freeze,
    labels_of,
    name_of,
    namespace_of,
    new_object,
    owner_reference,
    thaw,
    uid_of,
)
from harness.kube.resources import CONTROLLER_REVISIONS

HASH_LABEL = "controller.kubernetes.io/hash"


def data_of(owner: Object) -> dict[str, Any]:
    """`ControllerRevision.data` for the owner's present template."""
    return {"spec": {"template": {**thaw(owner["spec"]["template"]), "$patch": "replace"}}}


def template_in(revision: Object) -> Mapping[str, Any]:
    """The pod template that a revision holds."""
    template = thaw(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    frozen: Mapping[str, Any] = freeze(template)
    return frozen


def number_of(revision: Object) -> int:
    """`ControllerRevision.revision`."""
    return int(revision["revision"])


def by_revision(revisions: Sequence[Object]) -> list[Object]:
    """Oldest first."""
    return sorted(
        revisions, key=lambda entry: (number_of(entry), entry["metadata"]["creationTimestamp"], name_of(entry))
    )


def hash_of(data: Mapping[str, Any], collisions: int) -> str:
    """The hash that a StatefulSet's revision has in its name (`HashControllerRevision`)."""
    return safe_encode(str(fnv32(go_json(data) + str(collisions).encode())))


def owned(reader: Reader, owner: Object) -> list[Object]:
    """The revisions of the owner, and those of nobody that its selector matches; oldest first."""
    selector = selector_of(owner)
    found = list(reader.by_index(CONTROLLER_REVISIONS, "owner", uid_of(owner)))
    found += reader.by_index(CONTROLLER_REVISIONS, ORPHANS, namespace_of(owner) or "")
    return by_revision([entry for entry in found if selector is not None and selector.matches(labels_of(entry))])


def adopt(reader: Reader, writer: Writer, owner: Object) -> list[Object]:
    """The owner's revisions once orphans are adopted; oldest first."""
    return by_revision(claim(reader, writer, CONTROLLER_REVISIONS, owner))


def new_revision(
    owner: Object, name: str, number: int, data: Mapping[str, Any], labels: Mapping[str, str]
) -> dict[str, Any]:
    """A revision of the owner's template, not yet stored."""
    template_labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return new_object(
        CONTROLLER_REVISIONS,
        name,
        namespace_of(owner),
        labels={**template_labels, **labels},
        annotations=owner["metadata"].get("annotations") or {},
        owners=[owner_reference(owner)],
        data=thaw(data),
        revision=number,
    )


def create(reader: Reader, writer: Writer, owner: Object, number: int, collisions: int) -> tuple[Object, int]:
    """Store a StatefulSet's revision; a name that another template has taken counts as a collision. Answers with the collisions so far."""
    data = data_of(owner)
    label = hash_of(data, collisions)
    while True:
        name = f"{name_of(owner)}-{hash_of(data, collisions)}"
        try:
            draft = new_revision(owner, name, number, data, {HASH_LABEL: label})
            return writer.create(CONTROLLER_REVISIONS, draft), collisions
        except AlreadyExists:
            present = reader.get(CONTROLLER_REVISIONS, namespace_of(owner), name)
            if present is not None and go_json(present["data"]) == go_json(data):
                return present, collisions
            collisions += 1


def renumber(writer: Writer, revision: Object, number: int) -> Object:
    """Make an old revision the newest, as a rollback does."""
    return writer.replace(CONTROLLER_REVISIONS, {**revision, "revision": number})
