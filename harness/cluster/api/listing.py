"""Lists: selectors, pages, and the state of an earlier moment.

A continue token names the version of the first page, and later pages show that state (the log undoes what happened since), as etcd's do. What needs the store
is in `Listing.read`, which runs on the kernel's thread; the rest runs on the HTTP thread over immutable versions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from harness.cluster.api.fields import FieldSelector, parse_fields
from harness.cluster.api.routes import Route
from harness.cluster.store import Served, Store, Stored
from harness.kube import selectors
from harness.kube.errors import ApiError, BadRequest, Expired
from harness.kube.selectors import Selector

_CONTINUE_EXPIRED = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter."


class TooLargeVersion(ApiError):
    """A resourceVersion that does not exist yet."""

    code, reason = 504, "Timeout"


@dataclass(frozen=True)
class Filter:
    """Which objects of a type a request is about."""

    namespace: str | None
    labels: Selector
    fields: FieldSelector

    def matches(self, stored: Stored) -> bool:
        """Whether the object is one of them."""
        metadata = stored.obj["metadata"]
        return (
            self.namespace in (None, metadata.get("namespace"))
            and self.labels.matches(metadata.get("labels") or {})
            and self.fields.matches(stored.obj)
        )


def parse_filter(served: Served, route: Route, query: Mapping[str, str]) -> Filter:
    """The selectors of a list, a watch or a deletecollection."""
    try:
        labels = selectors.parse(query.get("labelSelector", ""))
    except ValueError as error:
        raise BadRequest(f"unable to parse requirement: {error}") from error
    text = query.get("fieldSelector", "")
    if route.name:
        text = ",".join(filter(None, (text, f"metadata.name={route.name}")))
    return Filter(route.namespace, labels, parse_fields(served.resource, text))


@dataclass(frozen=True)
class Page:
    """One page of a list. `rest` counts what follows; `token` asks for it."""

    items: Sequence[Stored]
    version: int
    token: str = ""
    rest: int | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """metav1.ListMeta."""
        metadata: dict[str, Any] = {"resourceVersion": str(self.version)}
        if self.token:
            metadata["continue"] = self.token
            if self.rest is not None:
                metadata["remainingItemCount"] = self.rest
        return metadata


@dataclass(frozen=True)
class Listing:
    """A list request."""

    served: Served
    filter: Filter
    limit: int
    at_version: int | None
    after: tuple[str, str] | None

    def read(self, store: Store) -> tuple[Sequence[Stored], int]:
        """The candidates and the version that they are of."""
        resource, wanted = self.served.resource, self.filter
        if self.at_version is None or self.at_version == store.version:
            name = wanted.fields.exact("metadata.name")
            if name is not None and (wanted.namespace is not None or not resource.namespaced):
                found = store.stored(resource, wanted.namespace, name)
                return ([] if found is None else [found]), store.version
            return store.stored_list(resource, wanted.namespace, wanted.labels), store.version
        if self.at_version > store.version:
            cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            text = f"Timeout: Too large resource version: {self.at_version}, current: {store.version}"
            raise TooLargeVersion(text, details={"causes": [cause], "retryAfterSeconds": 1})
        try:
            return store.stored_list_at(resource, wanted.namespace, self.at_version), self.at_version
        except Expired as error:
            raise Expired(_CONTINUE_EXPIRED if self.after else error.message) from error

    def page(self, candidates: Sequence[Stored], version: int) -> Page:
        """What of the candidates is on this page."""
        everything = not (self.filter.labels.requirements or self.filter.fields.terms)
        items = candidates if everything else [stored for stored in candidates if self.filter.matches(stored)]
        if self.after is not None:
            items = [stored for stored in items if _place(stored) > self.after]
        if not self.limit or len(items) <= self.limit:
            return Page(items, version)
        kept = items[: self.limit]
        rest = len(items) - len(kept) if everything else None
        return Page(kept, version, _token(version, _place(kept[-1])), rest)


def parse_listing(served: Served, route: Route, query: Mapping[str, str]) -> Listing:
    """Read a list request."""
    limit = _number(query.get("limit") or "0")
    at_version, after = None, None
    if query.get("continue"):
        at_version, after = _parse_token(query["continue"])
    elif query.get("resourceVersion") not in {None, "", "0"}:
        wanted = _number(query["resourceVersion"])
        at_version = wanted if query.get("resourceVersionMatch") == "Exact" else None
    return Listing(served, parse_filter(served, route, query), limit, at_version, after)


def _place(stored: Stored) -> tuple[str, str]:
    metadata = stored.obj["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _token(version: int, place: tuple[str, str]) -> str:
    body = {"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(place)}
    return base64.urlsafe_b64encode(orjson.dumps(body)).decode().rstrip("=")


def _parse_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        body = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = body["start"].rpartition("/")
        return int(body["rv"]), (namespace, name)
    except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequest(f"invalid continue token: continue key is not valid: {error}") from error


def _number(text: str) -> int:
    if not text.isdigit():
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)
