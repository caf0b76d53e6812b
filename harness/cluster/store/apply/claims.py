"""A write's claim to fields: who writes, the entries that the client wrote itself, or those that an apply has worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson

from harness.cluster.store.apply.alike import after_update
from harness.cluster.store.apply.managers import Managed, encode_managed
from harness.cluster.store.apply.ownership import Ownership, Write, base
from harness.kube.objects import OBJECTS, Object


class Version(Protocol):
    """A stored version, as `harness.cluster.store.log.Stored`."""

    obj: Object
    ownership: Ownership | None

    def managed(self) -> Managed:
        """The entries of managedFields."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an update does to ownership. `given`: `metadata.managedFields` of the request, `known`: the entries after an apply."""

    write: Write
    given: Sequence[Any] | None = None
    known: Managed | None = None

    def before_admission(self, old: Version, sent: Mapping[str, Any], new: Mapping[str, Any]) -> Claim:
        """For a pod: its tolerations are owned as the client wrote them, not as admission completed them."""
        spec: Mapping[str, Any] = sent.get("spec") or {}
        asked = spec.get("tolerations")
        if self.known is not None or asked == new["spec"].get("tolerations"):
            return self
        kept = {key: value for key, value in new["spec"].items() if key != "tolerations"}
        seen = {**new, "spec": {**kept, "tolerations": asked} if asked else kept}
        managed = base(old.managed(), self.given)
        if not managed:
            return self
        write = self.write
        return replace(self, known=after_update(write.ground(), managed, write.by, old.obj, seen, write.now))

    def moves(self, old: Version) -> bool:
        """Whether a write that leaves the object as it is changes the entries; times alone do not count."""
        if self.known is not None:
            return _timeless(self.known) != _timeless(old.managed())
        return self.given is not None and base(old.managed(), self.given) != old.managed()

    def ownership(self, old: Version) -> Ownership:
        """That of the version that follows `old`."""
        if self.known is not None:
            return Ownership.known(self.known)
        before = old.ownership if old.ownership is not None else Ownership.known({})
        return Ownership(self.write, (old.obj, before), given=self.given)


def given_in(sent: Mapping[str, Any]) -> Sequence[Any] | None:
    """The managedFields in what a client sent; None when there are none (an empty list resets them)."""
    metadata = sent.get("metadata")
    given = metadata.get("managedFields") if isinstance(metadata, OBJECTS) else None
    return given if isinstance(given, list | tuple) else None


def touches_managed(patch: Any) -> bool:
    """Whether a patch is about managedFields."""
    if isinstance(patch, OBJECTS):
        metadata = patch.get("metadata")
        return isinstance(metadata, OBJECTS) and "managedFields" in metadata
    return isinstance(patch, list | tuple) and any(
        isinstance(operation, Mapping) and any(_is_managed(operation.get(key)) for key in ("path", "from"))
        for operation in patch
    )


def _is_managed(path: Any) -> bool:
    return isinstance(path, str) and (path in {"", "/metadata"} or path.startswith("/metadata/managedFields"))


def with_entries(obj: Mapping[str, Any], managed: Managed) -> dict[str, Any]:
    """The object with its entries as plain JSON."""
    if not managed:
        return dict(obj)
    return {**obj, "metadata": {**obj["metadata"], "managedFields": orjson.loads(encode_managed(managed))}}


def rehearsed(draft: Object, ownership: Ownership) -> Object:
    """The answer to a dry run, with the managedFields that it would have."""
    return with_entries(draft, ownership.managed(draft))


def _timeless(managed: Managed) -> Managed:
    return {manager: entry._replace(time=None) for manager, entry in managed.items()}
