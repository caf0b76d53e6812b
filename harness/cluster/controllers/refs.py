"""Whose an object is: controllers adopt orphans that their selector matches and release what it matches no more.

Follows `pkg/controller/controller_ref_manager.go` (1.34). What belongs to another controller is left alone, and an owner that is going away takes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.kube.client import Reader, Writer
from harness.kube.errors import ApiError, NotFound
from harness.kube.objects import (
    Object,
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    owner_reference,
    uid_of,
)
from harness.kube.resources import Resource
from harness.kube.selectors import Selector, from_object

ORPHANS = "orphans"  # index: the namespace of what no controller owns


def _namespace_of_orphan(obj: Object) -> Iterable[str]:
    if controller_of(obj) is None:
        yield namespace_of(obj) or ""


def index_orphans(reader: Reader, resource: Resource) -> None:
    """Declare the index that `claim` and `keys_of_owners` use."""
    reader.add_index(resource, ORPHANS, _namespace_of_orphan)


def selector_of(owner: Object) -> Selector | None:
    """`spec.selector`: a label selector, or the plain labels of a ReplicationController."""
    selector = owner["spec"].get("selector")
    if selector is not None and not {"matchLabels", "matchExpressions"} & set(selector):
        return from_object({"matchLabels": selector}) if selector else None
    return from_object(selector)


def keys_of_owners(reader: Reader, owners: Resource) -> Callable[[Object], Iterable[str]]:
    """The keys to wake for a changed dependent: its controller, or for an orphan everyone whose selector matches it."""

    kind, api_version = owners.kind, owners.api_version

    def keys(obj: Object) -> Iterable[str]:
        owner = controller_of(obj)
        if owner is not None:
            mine = owner["kind"] == kind and owner["apiVersion"] == api_version
            return (f"{namespace_of(obj)}/{owner['name']}",) if mine else ()
        if not labels_of(obj) or is_deleting(obj):
            return ()
        selectors = ((candidate, selector_of(candidate)) for candidate in reader.list(owners, namespace_of(obj)))
        return [
            key_of(candidate)
            for candidate, selector in selectors
            if selector is not None and selector.requirements and selector.matches(labels_of(obj))
        ]

    return keys


def claim(
    reader: Reader,
    writer: Writer,
    resource: Resource,
    owner: Object,
    fits: Callable[[Object], bool] = lambda _: True,
    *,
    adopts: Callable[[Object], bool] = lambda _: True,
) -> Sequence[Object]:
    """What `owner` controls now, after adopting and releasing; `fits` is a condition beside the selector, `adopts` one of adoption alone."""
    selector = selector_of(owner)
    owned = reader.by_index(resource, "owner", uid_of(owner))
    if selector is None or not selector.requirements:
        return owned
    kept: list[Object] = []
    changed = False
    for obj in owned:
        if selector.matches(labels_of(obj)) and fits(obj):
            kept.append(obj)
        elif not is_deleting(owner):
            _release(writer, resource, owner, obj)
            changed = True
    if not is_deleting(owner):
        for obj in reader.by_index(resource, ORPHANS, namespace_of(owner) or ""):
            if is_deleting(obj) or not selector.matches(labels_of(obj)) or not (fits(obj) and adopts(obj)):
                continue
            adopted = _patch(writer, resource, obj, owner_reference(owner))
            if adopted is not None:
                kept.append(adopted)
                changed = True
    return sorted(kept, key=name_of) if changed else owned


def _release(writer: Writer, resource: Resource, owner: Object, obj: Object) -> None:
    _patch(writer, resource, obj, {"$patch": "delete", "uid": uid_of(owner)})


def _patch(writer: Writer, resource: Resource, obj: Object, reference: Mapping[str, object]) -> Object | None:
    """The object as patched; None when it is gone or has been replaced by another of its name."""
    patch = {"metadata": {"uid": uid_of(obj), "ownerReferences": [dict(reference)]}}
    try:
        return writer.patch(resource, namespace_of(obj), name_of(obj), patch, kind="strategic")
    except NotFound:
        return None
    except ApiError as error:
        if error.reason == "Invalid":  # an owner without uid, or another object of that name: upstream ignores it, too
            return None
        raise
