"""The garbage collector: what is owned goes with its last owner, in the way the owner's deletion asked for.

Follows `pkg/controller/garbagecollector` (1.34). Background: an object whose owners are all gone is deleted; if some are left, the dangling references are
removed. Foreground: an owner that carries the finalizer foregroundDeletion is held until every dependent that blocks it is gone. Orphan: the dependents
lose their reference, then the owner goes. It acts at the moment of the change; upstream takes some hundred milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.cluster.controllers.kinds import BY_KIND, BY_NAME, CAN_OWN
from harness.kube.client import Propagation, Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import Resource

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_INDEX = "owners"  # uids of all owners, controlling or not


def _owners(obj: Object) -> Sequence[Mapping[str, Any]]:
    return obj["metadata"].get("ownerReferences") or ()


def _finalizers(obj: Object) -> Sequence[str]:
    return obj["metadata"].get("finalizers") or ()


def waits_for_dependents(obj: Object) -> bool:
    """Whether a foreground deletion holds it."""
    return is_deleting(obj) and FOREGROUND in _finalizers(obj)


class GarbageCollector:
    """Reconciles one object a key: `<resource>|<namespace/name>`."""

    name = "garbage-collector-controller"

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer
        for resource in CAN_OWN:
            reader.add_index(resource, _INDEX, lambda obj: [str(owner["uid"]) for owner in _owners(obj)])

    def watches(self) -> Sequence[Watch]:
        """Every kind."""
        return [Watch(resource, self._concerned(resource)) for resource in CAN_OWN]

    def reconcile(self, key: str) -> int | None:
        """Let one object, or what depends on it, go."""
        kind, _, place = key.partition("|")
        resource = BY_NAME[kind]
        obj = self._reader.get(resource, *split_key(place))
        if obj is None:
            return None
        if is_deleting(obj):
            if ORPHAN in _finalizers(obj):
                self._orphan_dependents(resource, obj)
            elif FOREGROUND in _finalizers(obj):
                self._delete_dependents(resource, obj)
        elif _owners(obj):
            self._follow_owners(resource, obj)
        return None

    def _concerned(self, resource: Resource) -> Callable[[Object], Iterable[str]]:
        """The keys that a change of an object of this kind wakes: few changes mean anything here."""

        def keys(obj: Object) -> Iterator[str]:
            current = self._reader.get(resource, namespace_of(obj), name_of(obj))
            if current is None or uid_of(current) != uid_of(obj):
                for other, dependent in self._dependents(obj):
                    yield _key(other, dependent)
            elif is_deleting(obj) and (FOREGROUND in _finalizers(obj) or ORPHAN in _finalizers(obj)):
                yield _key(resource, obj)
            for reference in _owners(obj):
                owner = self._owner(obj, reference)
                if owner is None:
                    yield _key(resource, obj)
                elif owner[1] is not None and waits_for_dependents(owner[1]):
                    yield _key(resource, obj)
                    yield _key(owner[0], owner[1])

        return keys

    def _dependents(self, obj: Object) -> Iterator[tuple[Resource, Object]]:
        for resource in CAN_OWN:
            for dependent in self._reader.by_index(resource, _INDEX, uid_of(obj)):
                yield resource, dependent

    def _owner(self, obj: Object, reference: Mapping[str, Any]) -> tuple[Resource, Object | None] | None:
        """The owner; None when it is gone; without an object when its type is not known here."""
        resource = BY_KIND.get((reference["apiVersion"], reference["kind"]))
        if resource is None:
            return next(iter(BY_KIND.values())), None
        found = self._reader.get(resource, namespace_of(obj) if resource.namespaced else None, str(reference["name"]))
        return (resource, found) if found is not None and uid_of(found) == reference["uid"] else None

    def _orphan_dependents(self, resource: Resource, owner: Object) -> None:
        for other, dependent in list(self._dependents(owner)):
            self._drop_owners(other, dependent, {uid_of(owner)})
        self._drop_finalizer(resource, owner, ORPHAN)

    def _delete_dependents(self, resource: Resource, owner: Object) -> None:
        for other, dependent in list(self._dependents(owner)):
            if not is_deleting(dependent):
                self._follow_owners(other, dependent)
        left = [reference for _, dependent in self._dependents(owner) for reference in _owners(dependent)]
        if not any(reference["uid"] == uid_of(owner) and reference.get("blockOwnerDeletion") for reference in left):
            self._drop_finalizer(resource, owner, FOREGROUND)

    def _follow_owners(self, resource: Resource, obj: Object) -> None:
        """Delete an object that nobody owns any more, or forget the owners that have gone."""
        gone: set[str] = set()
        solid, waiting = False, False
        for reference in _owners(obj):
            owner = self._owner(obj, reference)
            if owner is None:
                gone.add(str(reference["uid"]))
            elif owner[1] is not None and waits_for_dependents(owner[1]):
                gone.add(str(reference["uid"]))
                waiting = True
            else:
                solid = True
        if solid:
            if gone:
                self._drop_owners(resource, obj, gone)
            return
        propagation: Propagation = "Background"
        if waiting and any(True for _ in self._dependents(obj)):
            propagation = "Foreground"
        self._writer.delete(resource, namespace_of(obj), name_of(obj), propagation=propagation, uid=uid_of(obj))

    def _drop_owners(self, resource: Resource, obj: Object, uids: set[str]) -> None:
        left = [dict(reference) for reference in _owners(obj) if reference["uid"] not in uids]
        self._writer.patch(resource, namespace_of(obj), name_of(obj), {"metadata": {"ownerReferences": left}})

    def _drop_finalizer(self, resource: Resource, obj: Object, finalizer: str) -> None:
        left = [entry for entry in _finalizers(obj) if entry != finalizer]
        self._writer.patch(resource, namespace_of(obj), name_of(obj), {"metadata": {"finalizers": left}})


def _key(resource: Resource, obj: Object) -> str:
    return f"{resource.group_resource}|{key_of(obj)}"
