"""The garbage collector: what is owned goes with its last owner, in the way the owner's deletion asked for.

Follows `pkg/controller/garbagecollector` (1.34). Background: an object whose owners are all gone is deleted; if some are left, the dangling references are
removed. Foreground: an owner that carries the finalizer foregroundDeletion is held until every dependent that blocks it is gone. Orphan: the dependents
lose their reference, then the owner goes. It acts at the moment of the change; upstream takes some hundred milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.cluster.controllers.kinds import Kinds
from harness.kube.client import Propagation, Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import Forbidden
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import BUILT_IN, EVENTS, NAMESPACES, Resource

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

    def __init__(self, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(self.name)
        self._kinds = Kinds(reader)
        self._watched: dict[str, Resource] = {}  # by group resource: the types whose objects are followed
        self._where: dict[str, str | None] = {}  # by uid: the namespace of every object
        self._accused: dict[str, None] = {}  # uids of dependents whose wrong reference was told of

    def watches(self) -> Sequence[Watch]:
        """Every built-in kind; custom ones follow."""
        return [self._watch(resource) for resource in BUILT_IN if resource != EVENTS]

    def extend(self, watch: Callable[[Watch], None]) -> None:
        """Custom kinds are followed from the moment at which they are served."""

        def added(resource: Resource) -> None:
            if resource.group_resource not in self._watched:
                watch(self._watch(resource))

        self._kinds.listen(added)

    def reconcile(self, key: str) -> int | None:
        """Let one object, or what depends on it, go."""
        kind, _, place = key.partition("|")
        resource = self._watched[kind]
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

    def _watch(self, resource: Resource) -> Watch:
        self._watched[resource.group_resource] = resource
        self._reader.add_index(resource, _INDEX, lambda obj: [str(owner["uid"]) for owner in _owners(obj)])
        return Watch(resource, self._concerned(resource))

    def _concerned(self, resource: Resource) -> Callable[[Object], Iterable[str]]:
        """The keys that a change of an object of this kind wakes: few changes mean anything here."""

        def keys(obj: Object) -> Iterable[str]:
            found: list[str] = []
            metadata = obj["metadata"]
            uid, namespace = metadata["uid"], metadata.get("namespace")
            current = self._reader.get(resource, namespace, metadata["name"])
            if current is None or current["metadata"]["uid"] != uid:
                self._where.pop(uid, None)
                self._accused.pop(uid, None)
                found += [_key(other, dependent) for other, dependent in self._dependents(obj)]
            else:
                self._where[uid] = namespace
                if is_deleting(obj) and (FOREGROUND in _finalizers(obj) or ORPHAN in _finalizers(obj)):
                    found.append(_key(resource, obj))
            for reference in _owners(obj):
                owner = self._owner(obj, reference)
                if owner is None:
                    found.append(_key(resource, obj))
                elif owner[1] is not None and waits_for_dependents(owner[1]):
                    found += [_key(resource, obj), _key(owner[0], owner[1])]
            return found

        return keys

    def _dependents(self, obj: Object) -> Iterator[tuple[Resource, Object]]:
        for resource in tuple(self._watched.values()):
            for dependent in self._reader.by_index(resource, _INDEX, uid_of(obj)):
                yield resource, dependent

    def _owner(self, obj: Object, reference: Mapping[str, Any]) -> tuple[Resource, Object | None] | None:
        """The owner; None when it is gone; without an object when it cannot be looked up, and so counts as alive.

        That is so for a type that is not served, and where what has no namespace refers to what has one.
        """
        resource = self._kinds.find(str(reference["apiVersion"]), str(reference["kind"]))
        if resource is None or (resource.namespaced and namespace_of(obj) is None):
            return NAMESPACES, None
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
                self._tell_of_wrong_namespace(obj, reference)
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
        if waiting and self._release_circle(obj):
            propagation = "Foreground"
        elif ORPHAN in _finalizers(obj):
            propagation = "Orphan"
        elif FOREGROUND in _finalizers(obj):
            propagation = "Foreground"
        try:
            self._writer.delete(resource, namespace_of(obj), name_of(obj), propagation=propagation, uid=uid_of(obj))
        except Forbidden:
            return  # an object that nobody may delete stays, as upstream's retries change nothing about it

    def _release_circle(self, obj: Object) -> bool:
        """Whether an object has dependents; those that wait themselves must not block it, or a circle of owners would stay for ever."""
        dependents = list(self._dependents(obj))
        for other, dependent in dependents:
            if waits_for_dependents(dependent) and any(owner.get("blockOwnerDeletion") for owner in _owners(dependent)):
                freed = [{**owner, "blockOwnerDeletion": False} for owner in _owners(dependent)]
                self._patch(other, dependent, {"ownerReferences": freed})
        return bool(dependents)

    def _tell_of_wrong_namespace(self, obj: Object, reference: Mapping[str, Any]) -> None:
        uid = str(reference["uid"])
        if uid not in self._where or uid_of(obj) in self._accused:
            return
        if self._where[uid] == namespace_of(obj):
            return  # the owner is here, under another name
        self._accused[uid_of(obj)] = None
        owner = f"[{reference['apiVersion']}/{reference['kind']}, namespace: {namespace_of(obj)}, name: {reference['name']}, uid: {uid}]"
        text = f'ownerRef {owner} does not exist in namespace "{namespace_of(obj)}"'
        self._events.event(obj, "Warning", "OwnerRefInvalidNamespace", text)

    def _drop_owners(self, resource: Resource, obj: Object, uids: set[str]) -> None:
        left = [dict(reference) for reference in _owners(obj) if reference["uid"] not in uids]
        self._patch(resource, obj, {"ownerReferences": left})

    def _drop_finalizer(self, resource: Resource, obj: Object, finalizer: str) -> None:
        self._patch(resource, obj, {"finalizers": [entry for entry in _finalizers(obj) if entry != finalizer]})

    def _patch(self, resource: Resource, obj: Object, metadata: Mapping[str, Any]) -> None:
        self._writer.patch(resource, namespace_of(obj), name_of(obj), {"metadata": metadata})


def _key(resource: Resource, obj: Object) -> str:
    return f"{resource.group_resource}|{key_of(obj)}"
