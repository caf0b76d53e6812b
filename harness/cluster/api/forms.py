"""The form in which an answer is wanted: whole objects, their metadata alone, or a table (apiserver `endpoints/handlers/negotiation`).

They are made as JSON; what is wanted as YAML becomes so in the end (`finishing`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from harness.cluster.api.answers import encode_list, face, shown
from harness.cluster.api.negotiation import JSON, YAML, NotAcceptable, clauses, unknown_form, unknown_media
from harness.cluster.api.tables import Table
from harness.cluster.store import Served, Stored

_PLAIN = frozenset({JSON, "*/*"})
_META = "meta.k8s.io"
_VERSIONS = frozenset({"v1", "v1beta1"})
_ONE, _MANY = "PartialObjectMetadata", "PartialObjectMetadataList"


class Form(Protocol):
    """Encodes answers. Watches whose forms have one `shape` are encoded alike."""

    shape: Hashable

    def one(self, stored: Stored, now_us: int) -> bytes:
        """A single object."""

    def many(self, items: Sequence[Stored], metadata: Mapping[str, Any], now_us: int) -> bytes:
        """A list."""

    def bookmark(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """The object of a bookmark."""


class Whole:
    """The objects themselves."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.shape: Hashable = "whole"

    def one(self, stored: Stored, now_us: int) -> bytes:
        """A single object."""
        return face(self._served, now_us)(stored)

    def many(self, items: Sequence[Stored], metadata: Mapping[str, Any], now_us: int) -> bytes:
        """`<Kind>List`."""
        return encode_list(self._served, map(face(self._served, now_us), items), metadata)

    def bookmark(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """An object of the kind that has nothing but a version."""
        resource = self._served.resource
        return {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}


class Partial:
    """The metadata alone."""

    def __init__(self, version: str) -> None:
        self._api_version = f"{_META}/{version}"
        self.shape: Hashable = ("partial", version)

    def one(self, stored: Stored, now_us: int) -> bytes:  # noqa: ARG002 - the seam's
        """PartialObjectMetadata."""
        return orjson.dumps(self.bookmark(stored.shown()["metadata"]))

    def many(self, items: Sequence[Stored], metadata: Mapping[str, Any], now_us: int) -> bytes:  # noqa: ARG002
        """PartialObjectMetadataList."""
        objects = [self.bookmark(stored.shown()["metadata"]) for stored in items]
        return orjson.dumps({"kind": _MANY, "apiVersion": self._api_version, "metadata": metadata, "items": objects})

    def bookmark(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """PartialObjectMetadata."""
        return {"kind": _ONE, "apiVersion": self._api_version, "metadata": metadata}


class Printed:
    """A table. In a watch only the first event has the columns' definitions."""

    def __init__(self, served: Served, table: Table, version: str) -> None:
        self._served = served
        self._table = table
        self._api_version = f"{_META}/{version}"
        self._headed = False
        self.shape: Hashable = id(self)  # what was sent before decides what comes next, so it shares nothing

    def one(self, stored: Stored, now_us: int) -> bytes:
        """A table of one row."""
        version = {"resourceVersion": stored.obj["metadata"]["resourceVersion"]}
        row = [shown(self._served.resource, stored.obj, now_us)]
        encoded = orjson.dumps(self._table.of(row, now_us, version, columns=not self._headed))
        self._headed = True
        return encoded

    def many(self, items: Sequence[Stored], metadata: Mapping[str, Any], now_us: int) -> bytes:
        """A table with a row for each."""
        rows = [shown(self._served.resource, stored.obj, now_us) for stored in items]
        return orjson.dumps(self._table.of(rows, now_us, metadata))

    def bookmark(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """A table whose only row carries the metadata."""
        partial = {"kind": _ONE, "apiVersion": self._api_version, "metadata": metadata}
        version = {"resourceVersion": metadata["resourceVersion"]}
        rows = [{"cells": [], "object": partial}]
        return {
            "kind": "Table",
            "apiVersion": self._api_version,
            "metadata": version,
            "columnDefinitions": None,
            "rows": rows,
        }


def parse_form(accept: str, served: Served, query: Mapping[str, str], verb: str) -> Form:
    """What the client asks for. Raises NotAcceptable."""
    if not accept or accept in _PLAIN:
        return Whole(served)
    wanted = clauses(accept)
    if not wanted:
        raise unknown_media(collection=verb in {"list", "watch"})
    for media, options in wanted:
        form, version = options.get("as"), options.get("v", "")
        if media == YAML and verb == "watch":
            raise unknown_form(streamed=True)
        if form is None:
            return Whole(served)
        if options.get("g") == _META and version in _VERSIONS and form in _MAKERS:
            return _MAKERS[form](served, query, version, verb)
    raise unknown_form()


def _printed(served: Served, query: Mapping[str, str], version: str, verb: str) -> Form:  # noqa: ARG001 - as the others
    return Printed(served, Table(served, query.get("includeObject", "Metadata"), version), version)


def _partial(served: Served, query: Mapping[str, str], version: str, verb: str) -> Form:  # noqa: ARG001
    if verb == "list":
        raise NotAcceptable(f"you requested {_ONE}, but the requested object is a list ({_go_type(served)}List)")
    return Partial(version)


def _partials(served: Served, query: Mapping[str, str], version: str, verb: str) -> Form:  # noqa: ARG001
    if verb != "list":
        raise NotAcceptable(f"you requested {_MANY}, but the requested object is not a list ({_go_type(served)})")
    return Partial(version)


def _go_type(served: Served) -> str:
    """The type's name in upstream's internal scheme."""
    if served.custom:
        return "*unstructured.Unstructured"
    return f"*{(served.resource.group or 'core').partition('.')[0]}.{served.resource.kind}"


_MAKERS: Mapping[str, Callable[[Served, Mapping[str, str], str, str], Form]] = {
    "Table": _printed,
    _ONE: _partial,
    _MANY: _partials,
}
