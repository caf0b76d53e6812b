"""Kubernetes objects as plain JSON: frozen once stored, thawed to be changed, and the questions that everybody asks of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from harness.kube.resources import Resource

Object = Mapping[str, Any]


def _refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise TypeError("a stored object cannot be changed: thaw() it, change the copy and write that")


class FrozenDict(dict[str, Any]):
    """A dict that cannot be changed; a dict by type, so that encoders take it as one."""

    __slots__ = ()
    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _refuse

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, _memo: object) -> FrozenDict:
        return self


class FrozenList(list[Any]):
    """A list that cannot be changed."""

    __slots__ = ()
    __setitem__ = __delitem__ = append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __iadd__ = __imul__ = _refuse

    def __copy__(self) -> FrozenList:
        return self

    def __deepcopy__(self, _memo: object) -> FrozenList:
        return self


LEAVES = frozenset({str, int, bool, float, type(None)})
"""The exact types of JSON that hold nothing."""
OBJECTS = (dict, Mapping)
"""For `isinstance`: nearly every object is a dict, which is asked much faster than whether something is a Mapping."""
_FROZEN = LEAVES | {FrozenDict, FrozenList}  # asked by exact type, which is what nearly every value has


def freeze(value: Any) -> Any:
    """A deep copy that cannot be changed; what is frozen already is shared."""
    kind = type(value)
    if kind is dict:
        frozen = FrozenDict(value)  # copied at once; then only what can still be changed is replaced
        for key, item in value.items():
            if type(item) not in _FROZEN:
                dict.__setitem__(frozen, key, freeze(item))
        return frozen
    if kind is list:
        return FrozenList([item if type(item) in _FROZEN else freeze(item) for item in value])
    if kind in _FROZEN:
        return value
    if isinstance(value, Mapping):
        return freeze(dict(value))
    if isinstance(value, list | tuple):
        return freeze(list(value))
    return value


def thaw(value: Any) -> Any:
    """A deep copy that can be changed."""
    kind = type(value)
    if kind in LEAVES:
        return value
    if kind is FrozenDict or kind is dict or isinstance(value, Mapping):
        return {key: item if type(item) in LEAVES else thaw(item) for key, item in value.items()}
    if kind is FrozenList or kind is list or isinstance(value, list | tuple):
        return [item if type(item) in LEAVES else thaw(item) for item in value]
    return value


def new_object(
    resource: Resource,
    name: str,
    namespace: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    owners: Sequence[Mapping[str, Any]] = (),
    **body: Any,
) -> dict[str, Any]:
    """A fresh object of `resource` with its type and metadata filled in."""
    metadata: dict[str, Any] = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    if owners:
        metadata["ownerReferences"] = [dict(owner) for owner in owners]
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **body}


def name_of(obj: Object) -> str:
    """`metadata.name`."""
    return str(obj["metadata"]["name"])


def namespace_of(obj: Object) -> str | None:
    """`metadata.namespace`, None for what is not namespaced."""
    namespace = obj["metadata"].get("namespace")
    return None if namespace is None else str(namespace)


def key_of(obj: Object) -> str:
    """`namespace/name`, or the bare name: the key of a controller's queue."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def split_key(key: str) -> tuple[str | None, str]:
    """The inverse of `key_of`."""
    namespace, _, name = key.rpartition("/")
    return (namespace or None), name


def uid_of(obj: Object) -> str:
    """`metadata.uid`."""
    return str(obj["metadata"]["uid"])


def labels_of(obj: Object) -> Mapping[str, str]:
    """`metadata.labels`, empty when unset."""
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def owner_reference(owner: Object, *, controller: bool = True) -> dict[str, Any]:
    """The reference that a dependent of `owner` carries."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": controller,
        "blockOwnerDeletion": controller,
    }


def controller_of(obj: Object) -> Mapping[str, Any] | None:
    """The owner reference marked as controller."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Mapping[str, Any] = owner
            return found
    return None


def is_deleting(obj: Object) -> bool:
    """Whether a deletion has been asked for."""
    return "deletionTimestamp" in obj["metadata"]


def condition(obj: Object, kind: str) -> Mapping[str, Any] | None:
    """The status condition of type `kind`."""
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry.get("type") == kind:
            found: Mapping[str, Any] = entry
            return found
    return None


def is_true(obj: Object, kind: str) -> bool:
    """Whether the condition `kind` has status True."""
    entry = condition(obj, kind)
    return entry is not None and entry.get("status") == "True"


def with_condition(conditions: Iterable[Mapping[str, Any]], new: Mapping[str, Any], now: str) -> list[dict[str, Any]]:
    """`conditions` with `new` in its place; lastTransitionTime moves only when the status changes."""
    result = [dict(entry) for entry in conditions]
    for entry in result:
        if entry["type"] == new["type"]:
            moved = now if entry.get("status") != new.get("status") else entry.get("lastTransitionTime", now)
            entry.clear()
            entry.update({**new, "lastTransitionTime": moved})
            return result
    return [*result, {**new, "lastTransitionTime": now}]
