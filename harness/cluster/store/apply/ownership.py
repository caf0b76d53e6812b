"""Ownership on every write, worked out when somebody looks.

A stored version remembers who wrote it, when, and the version before it; both objects are immutable, so the entries of `metadata.managedFields` are a pure
function of that and are computed by whichever thread first encodes the object for a reader or applies to it. Then the chain is let go. A chain of `CHAIN_MAX`
versions that nobody looked at is worked out by the next write, which bounds the memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from harness.clock import format_time
from harness.cluster.store.apply.alike import after_create, after_update
from harness.cluster.store.apply.fieldsets import MalformedFields
from harness.cluster.store.apply.managers import (
    Ground,
    Managed,
    Manager,
    Operation,
    Owned,
    decode_managed,
    encode_managed,
)
from harness.cluster.store.apply.reset import reset_fields
from harness.cluster.store.apply.shapes import NO_DEFINITION, Shape, shape_of, zero_of
from harness.cluster.store.conversion import from_storage
from harness.cluster.store.registry import Registry, Served
from harness.cluster.store.types import message_of
from harness.kube.objects import Object
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS

CHAIN_MAX = 64
_INTERNED_MAX = 8192
_NONE: Managed = {}
_interned: dict[bytes, bytes] = {}


class Write:
    """One request's mark: manager, operation, version, subresource and moment (microseconds)."""

    __slots__ = ("asked", "manager", "now_us", "operation", "registry", "subresource")

    def __init__(
        self,
        registry: Registry,
        asked: Served,
        manager: str,
        now_us: int,
        subresource: str = "",
        operation: Operation = "Update",
    ) -> None:
        self.registry = registry
        self.asked = asked
        self.manager = manager
        self.now_us = now_us
        self.subresource = subresource
        self.operation: Operation = operation

    @property
    def api_version(self) -> str:
        """The version in which the request was made."""
        return self.asked.resource.api_version

    @property
    def by(self) -> Manager:
        """The manager of the entry."""
        return Manager.of(self.manager, self.operation, self.api_version, self.subresource)

    @property
    def now(self) -> str:
        """The time of the entry."""
        return format_time(self.now_us)

    def ground(self) -> Ground:
        """What the change stands on; one for all writes to a type that no definition has changed meanwhile."""
        key = (id(self.registry), id(self.asked), self.subresource)
        known = _grounds.get(key)
        if known is None:
            versions = _Versions(self.registry, self.asked)
            reset = reset_fields(self.asked, self.subresource)
            known = versions, Ground(versions.shape_of, self.api_version, reset, versions.view, self.asked.storage)
            if len(_grounds) >= _GROUNDS_MAX:
                _grounds.clear()
            _grounds[key] = known
        return known[1]

    def nothing(self) -> Mapping[str, Any]:
        """The object before it is created: what Go writes of an empty one."""
        if self.asked.resource == CUSTOM_RESOURCE_DEFINITIONS:
            return NO_DEFINITION
        message = None if self.asked.custom else message_of(self.asked.resource)
        return {} if message is None else zero_of(message)


@dataclass(frozen=True, slots=True)
class _Versions:
    """The versions in which a kind is served; holds the two, so that their ids are not given to others while they are keys."""

    registry: Registry
    asked: Served

    def shape_of(self, api_version: str) -> Shape | None:
        """The shape of this kind in a version; None when it is not served."""
        found = self._served(api_version)
        return None if found is None else _shape(found)

    def view(self, api_version: str, obj: Any) -> Any:
        """A stored object as it is in a version."""
        found = self._served(api_version)
        return obj if found is None or found.storage else from_storage(found.resource, obj)

    def _served(self, api_version: str) -> Served | None:
        group, _, version = api_version.rpartition("/")
        resource = self.asked.resource
        return self.registry.at(group, version, resource.plural) if group == resource.group else None


_GROUNDS_MAX = 1024
_grounds: dict[tuple[int, int, str], tuple[_Versions, Ground]] = {}
_shapes: dict[int, tuple[Served, Shape]] = {}


def _shape(served: Served) -> Shape:
    """`shape_of`, remembered by identity: a served type of a definition lives as long as that is not changed."""
    known = _shapes.get(id(served))
    if known is not None and known[0] is served:
        return known[1]
    if len(_shapes) > _INTERNED_MAX:
        _shapes.clear()
    shape = shape_of(served)
    _shapes[id(served)] = (served, shape)
    return shape


class Ownership:
    """Who owns which fields of one stored version.

    `draft` is what the client asked for, as JSON a field, where admission may have added to it.
    `given` are the entries that the client wrote itself.
    """

    __slots__ = ("_depth", "_draft", "_given", "_known", "_previous", "_write")

    def __init__(
        self,
        write: Write | None,
        previous: tuple[Object, Ownership] | None,
        *,
        draft: Mapping[str, bytes] | None = None,
        given: Sequence[Any] | None = None,
    ) -> None:
        self._write = write
        self._draft = draft
        self._given = given
        self._known: Managed | None = None
        self._previous = previous
        self._depth = 0
        if previous is None and write is None:
            self._known = _NONE
        elif previous is not None:
            before = previous[1]
            self._depth = 0 if before._known is not None else before._depth + 1
            if self._depth > CHAIN_MAX:
                before.managed(previous[0])
                self._depth = 0

    @classmethod
    def known(cls, managed: Managed) -> Ownership:
        """Entries that are worked out already."""
        ownership = cls(None, None)
        ownership._known = interned(managed)
        return ownership

    def managed(self, obj: Object) -> Managed:
        """The entries of the version whose object is `obj`."""
        links: list[tuple[Object, Ownership]] = []
        current: tuple[Object, Ownership] | None = (obj, self)
        while current is not None and current[1]._known is None:
            links.append(current)
            current = current[1]._previous
        for present, ownership in reversed(links):
            ownership._settle(present)
        return self._known if self._known is not None else _NONE

    def _settle(self, obj: Object) -> None:
        previous, write = self._previous, self._write
        if self._known is not None:
            return
        managed = _NONE if previous is None else previous[1].managed(previous[0])
        if write is not None:
            managed = self._after(write, managed, previous, obj)
        self._known = managed
        self._previous = self._write = self._draft = self._given = None

    def _after(self, write: Write, managed: Managed, previous: tuple[Object, Ownership] | None, obj: Object) -> Managed:
        managed = base(managed, self._given)
        if previous is not None and not managed:
            return managed
        ground = write.ground()
        if previous is not None:
            return after_update(ground, managed, write.by, previous[0], obj, write.now)
        if self._draft is None:
            return after_update(ground, managed, write.by, write.nothing(), obj, write.now)
        return after_create(ground, managed, write.by, write.nothing(), self._draft, write.now)


def parts_of(obj: Mapping[str, Any]) -> dict[str, bytes]:
    """An object's fields, each as JSON; without the parts of metadata that are its own alone and never owned."""
    return {
        key: orjson.dumps(
            value if key != "metadata" else {name: part for name, part in value.items() if name not in _UNOWNED}
        )
        for key, value in obj.items()
        if key not in {"apiVersion", "kind"}
    }


_UNOWNED = frozenset({"name", "namespace", "uid", "creationTimestamp", "resourceVersion", "generation"})


def base(managed: Managed, given: Sequence[Any] | None) -> Managed:
    """The entries to go on from: those a client wrote, unless it wrote none; `[{}]` and `[]` reset them."""
    if given is None:
        return managed
    if not given or (len(given) == 1 and given[0] == {}):
        return {}
    try:
        return decode_managed(given) or managed
    except MalformedFields:
        return managed


def interned(managed: Managed) -> Managed:
    """The same entries with shared bytes, since most objects are owned alike."""
    result = {}
    for manager, entry in managed.items():
        if len(_interned) > _INTERNED_MAX:
            _interned.clear()
        encoded = _interned.setdefault(entry.encoded, entry.encoded)
        result[manager] = Owned(encoded, entry.api_version, entry.time)
    return result


def with_managed(obj: Object, ownership: Ownership) -> Object:
    """The object with its entries, written as JSON fragments: for encoding."""
    managed = ownership.managed(obj)
    if not managed:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "managedFields": orjson.Fragment(encode_managed(managed))}}
