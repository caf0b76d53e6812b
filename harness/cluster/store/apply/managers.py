"""Who owns which fields: the entries of `metadata.managedFields`, and the two ways in which they change (structured-merge-diff `merge`, apimachinery
`util/managedfields`).

An update owns what it changed; an apply owns what it states, takes away what its manager stated before and nobody else owns, and conflicts with others' values.
Pure: from entries and objects to entries and objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple

import orjson

from harness.cluster.store.apply.fieldsets import (
    EMPTY,
    FieldSet,
    MalformedFields,
    of_paths,
    read_encoded,
    read_fields,
    show,
)
from harness.cluster.store.apply.shapes import Shape
from harness.cluster.store.apply.typed import Comparison, compare, fields_of, merge, remove, with_named
from harness.kube.errors import ApiError

Operation = Literal["Apply", "Update"]
Managed = dict["Manager", "Owned"]
ShapeOf = Callable[[str], Shape | None]
"""The shape of the object's kind in an apiVersion, None when that is not served (any more)."""

BEFORE_FIRST_APPLY = "before-first-apply"
_ANCIENT = "ancient-changes"
UPDATERS_MAX = 10
_NEVER_OWNED = of_paths(
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            [
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "clusterName",
                "generation",
                "managedFields",
                "resourceVersion",
            ]
        )
    ),
)


class ApplyConflict(ApiError):
    """Fields that others own would change."""

    code, reason = 409, "Conflict"


class Manager(NamedTuple):
    """Who, and how. For an apply the version does not tell managers apart (it is empty here)."""

    name: str
    operation: Operation
    api_version: str
    subresource: str = ""

    @classmethod
    def of(cls, name: str, operation: Operation, api_version: str, subresource: str = "") -> Manager:
        """The manager of a request."""
        return _manager(name or "unknown", operation, api_version if operation == "Update" else "", subresource)

    def shown(self) -> str:
        """As conflicts name it."""
        text = orjson.dumps(self.name).decode()
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


@lru_cache(maxsize=1024)
def _manager(name: str, operation: Operation, api_version: str, subresource: str) -> Manager:
    return Manager(name, operation, api_version, subresource)


class Owned(NamedTuple):
    """What a manager owns: the written form of the set, the version it is in, and when that last changed (RFC 3339)."""

    encoded: bytes
    api_version: str
    time: str | None = None

    @property
    def fields(self) -> FieldSet:
        """The set."""
        return read_encoded(self.encoded)


def owned(fields: FieldSet, api_version: str, time: str | None = None) -> Owned:
    """What these fields are as an entry."""
    return Owned(fields.encoded(), api_version, time)


def decode_managed(entries: Any) -> Managed:
    """Read `metadata.managedFields`. Raises MalformedFields for what upstream does not accept."""
    managed: Managed = {}
    for entry in entries or ():
        if not isinstance(entry, Mapping) or entry.get("operation") not in {"Apply", "Update"}:
            raise MalformedFields("operation must be `Apply` or `Update`")
        if not entry.get("apiVersion") or entry.get("fieldsType") != "FieldsV1":
            raise MalformedFields("apiVersion must not be empty and fieldsType has to be FieldsV1")
        version = str(entry["apiVersion"])
        manager = Manager(
            str(entry.get("manager") or ""),
            entry["operation"],
            version if entry["operation"] == "Update" else "",
            str(entry.get("subresource") or ""),
        )
        managed[manager] = owned(read_fields(entry.get("fieldsV1") or {}), version, entry.get("time"))
    return managed


def in_order(managed: Managed) -> list[tuple[Manager, Owned]]:
    """As upstream writes them: appliers first, then by time, name, version and subresource."""

    def rank(item: tuple[Manager, Owned]) -> tuple[str, str, str, str, str]:
        manager, entry = item
        return manager.operation, entry.time or "", manager.name, entry.api_version, manager.subresource

    return sorted(managed.items(), key=rank) if len(managed) > 1 else list(managed.items())


def encode_managed(managed: Managed) -> bytes:
    """`metadata.managedFields` as JSON."""
    return b"[" + b",".join([_entry(manager, entry) for manager, entry in in_order(managed)]) + b"]"


def _entry(manager: Manager, entry: Owned) -> bytes:
    head, tail = _around(manager, entry.api_version)
    time = b"" if entry.time is None else b',"time":"' + entry.time.encode() + b'"'
    return head + time + b',"fieldsType":"FieldsV1","fieldsV1":' + entry.encoded + tail


@lru_cache(maxsize=1024)
def _around(manager: Manager, api_version: str) -> tuple[bytes, bytes]:
    """How an entry begins and ends."""
    begin = {"manager": manager.name} if manager.name else {}
    end = b',"subresource":' + orjson.dumps(manager.subresource) + b"}" if manager.subresource else b"}"
    return orjson.dumps({**begin, "operation": manager.operation, "apiVersion": api_version})[:-1], end


@dataclass(frozen=True)
class Ground:
    """What a change stands on: the shape of each version, the version of the request, the fields that the resource resets, and an object in a version.

    `is_stored` says that objects are stored in the version of the request.
    """

    shape_of: ShapeOf
    api_version: str
    reset: FieldSet = EMPTY
    view: Callable[[str, Any], Any] = lambda _version, obj: obj
    is_stored: bool = True

    @cached_property
    def shape(self) -> Shape:
        """That of the request's version."""
        shape = self.shape_of(self.api_version)
        if shape is None:
            raise LookupError(f"{self.api_version} is not served: the request should not have come here")
        return shape

    def shown(self, obj: Any) -> Any:
        """A stored object as it is in the request's version."""
        return obj if self.is_stored else self.view(self.api_version, obj)


_FITTED_MAX = 4096


def updated(ground: Ground, managed: Managed, manager: Manager, old: Any, new: Any, now: str) -> Managed:
    """The entries after `manager` turned `old` into `new`."""
    change = _change(ground, ground.api_version, ground.shape, old, new)
    current = _reconciled(ground, managed)
    left = _taken(ground, current, None, change, old, new, force=True)
    mine = change.modified.union(change.added).without(ground.reset).difference(_NEVER_OWNED)
    if mine:
        previous = left.get(manager)
        fields = mine if previous is None else mine.union(previous.fields)
        left[manager] = owned(fields, ground.api_version, now)
    return _capped(left)


def after_apply(
    ground: Ground, managed: Managed, manager: Manager, old: Any, config: Any, now: str, *, force: bool
) -> tuple[Any, Managed]:
    """The object (None when it stays as it is) and the entries after `manager` applied `config`. Raises ApplyConflict."""
    current = _reconciled(ground, managed)
    merged = merge(ground.shape, old, config)
    last = current.get(manager)
    fields = fields_of(ground.shape, config).without(ground.reset)
    current[manager] = owned(fields, ground.api_version, None if last is None else last.time)
    pruned = _pruned(ground, merged, current, last)
    change = compare(ground.shape, old, pruned).without(ground.reset)
    left = _taken(ground, current, manager, change, old, pruned, force=force)
    if manager in left:
        stated = left[manager].fields.difference(_NEVER_OWNED)
        if stated:
            left[manager] = owned(stated, ground.api_version, left[manager].time)
        else:
            del left[manager]
    if pruned == old:
        return None, left
    if manager in left:
        left[manager] = left[manager]._replace(time=now)
    return pruned, left


def _change(ground: Ground, version: str, shape: Shape, old: Any, new: Any) -> Comparison:
    return compare(shape, ground.view(version, old), ground.view(version, new)).without(ground.reset)


def _taken(
    ground: Ground, managed: Managed, manager: Manager | None, change: Comparison, old: Any, new: Any, *, force: bool
) -> Managed:
    """What everybody but `manager` still owns after the change. Raises ApplyConflict unless it is forced."""
    changes: dict[str, Comparison | None] = {ground.api_version: change}
    conflicts: dict[Manager, FieldSet] = {}
    left: Managed = {}
    for other, entry in managed.items():
        if other == manager:
            left[other] = entry
            continue
        if entry.api_version not in changes:
            shape = ground.shape_of(entry.api_version)
            changes[entry.api_version] = None if shape is None else _change(ground, entry.api_version, shape, old, new)
        theirs = changes[entry.api_version]
        if theirs is None:
            continue
        fields = entry.fields
        conflict = fields.intersection(theirs.modified.union(theirs.added))
        if conflict:
            conflicts[other] = conflict
        rest = fields.difference(conflict).difference(theirs.removed)
        if rest is fields:
            left[other] = entry
        elif rest:
            left[other] = entry._replace(encoded=rest.encoded())
    if conflicts and not force:
        raise conflict_error(conflicts)
    return {other: entry for other, entry in left.items() if other == manager or entry.encoded != b"{}"}


def _pruned(ground: Ground, merged: Any, managed: Managed, last: Owned | None) -> Any:
    """`merged` without what the applying manager stated last time and nobody states or owns now."""
    if last is None or not last.fields:
        return merged
    shape = ground.shape_of(last.api_version)
    if shape is None:
        return merged
    merged_fields = with_named(shape, fields_of(shape, merged))
    pruned = remove(shape, merged, with_named(shape, last.fields))
    by_version: dict[str, FieldSet] = {last.api_version: EMPTY}
    for entry in managed.values():
        by_version[entry.api_version] = by_version.get(entry.api_version, EMPTY).union(entry.fields)
    for version, fields in by_version.items():
        inner = ground.shape_of(version)
        if inner is not None:
            present = with_named(inner, fields_of(inner, merged))
            kept = with_named(inner, fields_of(inner, pruned)).union(with_named(inner, fields))
            pruned = remove(inner, merged, present.difference(kept))
    gone = merged_fields.difference(with_named(shape, fields_of(shape, pruned)))
    return remove(shape, merged, gone.intersection(with_named(shape, last.fields)))


def _reconciled(ground: Ground, managed: Managed) -> Managed:
    """The entries fitted to today's types: what has become atomic is owned whole (`ReconcileFieldSetWithSchema`)."""
    result: Managed = {}
    for manager, entry in managed.items():
        shape = ground.shape_of(entry.api_version)
        if shape is None:
            continue
        encoded = _fit(shape, entry.encoded)
        result[manager] = entry if encoded == entry.encoded else entry._replace(encoded=encoded)
    return result


@lru_cache(maxsize=_FITTED_MAX)
def _fit(shape: Shape, encoded: bytes) -> bytes:
    fields = read_encoded(encoded)
    fitted = _fitted(shape, fields)
    return encoded if fitted is fields else fitted.encoded()


def _fitted(shape: Shape | None, fields: FieldSet) -> FieldSet:
    if shape is None or shape.kind in {"scalar", "deduced"} or not fields.children:
        return fields
    members, children, changed = set(fields.members), dict[str, FieldSet](), False
    for element, below in fields.children.items():
        inner = shape.of(element[2:]) if shape.kind == "map" and element.startswith("f:") else shape.element
        if inner is not None and inner.atomic and inner.kind != "deduced":
            members.add(element)
            changed = True
            continue
        fitted = _fitted(inner, below)
        changed = changed or fitted is not below
        children[element] = fitted
    return FieldSet(frozenset(members), children) if changed else fields


def _capped(managed: Managed) -> Managed:
    """Of more than ten updaters the oldest of one version are put together."""
    updaters = [manager for manager in managed if manager.operation == "Update"]
    if len(updaters) <= UPDATERS_MAX:
        return managed
    updaters.sort(key=lambda manager: (managed[manager].time or "", _identifier(manager)))
    result, count, first = dict(managed), len(updaters), dict[str, Manager]()
    for manager in updaters:
        if count <= UPDATERS_MAX:
            break
        entry = result[manager]
        bucket = Manager(_ANCIENT, "Update", entry.api_version)
        if entry.api_version not in first:
            first[entry.api_version] = manager
            continue
        if bucket not in result:
            result[bucket] = result.pop(first[entry.api_version])
        fields = entry.fields.union(result[bucket].fields)
        if manager != bucket:
            del result[manager]
        result[bucket] = owned(fields, entry.api_version, entry.time)
        count -= 1
    return result


def _identifier(manager: Manager) -> str:
    return orjson.dumps([manager.name, manager.operation, manager.api_version, manager.subresource]).decode()


def conflict_error(conflicts: Mapping[Manager, FieldSet]) -> ApplyConflict:
    """Upstream's message and causes."""
    found = [(manager, show(path)) for manager, fields in conflicts.items() for path in fields.paths()]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager.shown()}", "field": field}
        for manager, field in found
    ]
    if len(found) == 1:
        manager, field = found[0]
        text = f"Apply failed with 1 conflict: conflict with {manager.shown()}: {field}"
    else:
        lines: list[str] = []
        for manager in sorted(conflicts, key=_identifier):
            lines.append(f"conflicts with {manager.shown()}:")
            lines += [f"- {field}" for other, field in found if other == manager]
        text = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return ApplyConflict(text, details={"causes": causes})


def conflicting(error: ApplyConflict) -> Sequence[str]:
    """The fields of a conflict."""
    return [cause["field"] for cause in error.details["causes"]]
