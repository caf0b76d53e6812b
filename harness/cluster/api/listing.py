"""Lists: selectors, pages, and the state of an earlier moment.

A continue token names the version of the first page, and later pages show that state (the log undoes what happened since), as etcd's do. What needs the store
is in `Listing.read`, which runs on the kernel's thread; the rest runs on the HTTP thread over immutable versions.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from harness.cluster.api import gotext
from harness.cluster.api.fields import FieldSelector, parse_fields
from harness.cluster.api.routes import Route, number
from harness.cluster.store import Served, Store, Stored
from harness.kube import selectortext
from harness.kube.errors import ApiError, BadRequest, Cause, Expired, Invalid
from harness.kube.resources import Resource
from harness.kube.selectors import Selector

_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
_EXPIRED = "The resourceVersion for the provided list is too old."
_INCONSISTENT = -1  # the version in a continue token that goes on with the present state
_OPTIONS = Resource("meta.k8s.io", "v1", "listoptions", "ListOptions", False)


class TooLargeVersion(ApiError):
    """A resourceVersion that does not exist yet."""

    code, reason = 504, "Timeout"

    @classmethod
    def of(cls, wanted: int, current: int) -> TooLargeVersion:
        """`Timeout: Too large resource version`, when it has been waited for."""
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        text = f"Timeout: Too large resource version: {wanted}, current: {current}"
        return cls(text, details={"causes": [cause], "retryAfterSeconds": 1})


class ContinueExpired(Expired):
    """A continue token whose version is no longer known; it comes with one that goes on with the present state."""

    def __init__(self, token: str) -> None:
        super().__init__(_CONTINUE_EXPIRED)
        self._token = token

    def status(self) -> dict[str, Any]:
        """With the new token."""
        return {**super().status(), "metadata": {"continue": self._token}}


@dataclass(frozen=True)
class Filter:
    """Which objects of a type a request is about."""

    namespace: str | None
    labels: Selector
    fields: FieldSelector

    @property
    def is_everything(self) -> bool:
        """Whether there is nothing to look at."""
        return self.namespace is None and not self.labels.requirements and not self.fields.terms

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
        labels = selectortext.parse(query.get("labelSelector", ""))
    except selectortext.BadSelector as error:
        raise BadRequest(str(error)) from error
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
    at_version: int | None  # exactly this one; None: the present
    at_least: int
    after: tuple[str, str] | None

    @property
    def newest(self) -> int:
        """The version that there has to be."""
        return max(self.at_version or 0, self.at_least)

    def read(self, store: Store) -> tuple[Sequence[Stored], int]:
        """The candidates and the version that they are of. Raises ContinueExpired, Expired, TooLargeVersion."""
        resource, wanted = self.served.resource, self.filter
        if self.newest > store.version:
            raise TooLargeVersion.of(self.newest, store.version)
        if self.at_version is None or self.at_version == store.version:
            name = wanted.fields.exact("metadata.name")
            if name is not None and (wanted.namespace is not None or not resource.namespaced):
                found = store.stored(resource, wanted.namespace, name)
                return ([] if found is None else [found]), store.version
            return store.stored_list(resource, wanted.namespace, wanted.labels), store.version
        try:
            return store.stored_list_at(resource, wanted.namespace, self.at_version), self.at_version
        except Expired as error:
            if self.after is not None:
                raise ContinueExpired(_token(_INCONSISTENT, self.after)) from error
            raise Expired(_EXPIRED) from error

    def page(self, candidates: Sequence[Stored], version: int) -> Page:
        """What of the candidates is on this page."""
        labels, fields = self.filter.labels.requirements, self.filter.fields.terms
        items = [stored for stored in candidates if self.filter.matches(stored)] if labels or fields else candidates
        if self.after is not None:
            items = items[bisect_right(items, self.after, key=_place) :]
        if not self.limit or len(items) <= self.limit:
            return Page(items, version)
        kept = items[: self.limit]
        rest = None if labels or fields else len(items) - len(kept)
        return Page(kept, version, _token(version, _place(kept[-1])), rest)


def parse_listing(served: Served, route: Route, query: Mapping[str, str]) -> Listing:
    """Read a list request. Raises BadRequest, Invalid."""
    limit = max(number(query, "limit"), 0)
    number(query, "timeoutSeconds")
    text, match, token = (query.get(key, "") for key in ("resourceVersion", "resourceVersionMatch", "continue"))
    initial = True if "sendInitialEvents" in query else None
    check_options(watch=False, match=match, version=text, token=token, initial_events=initial)
    wanted, at_version, after = parse_filter(served, route, query), None, None
    if token:
        at_version, after = _parse_token(token)
        if text not in {"", "0"}:
            raise BadRequest("specifying resource version is not allowed when using continue")
        return Listing(served, wanted, limit, None if at_version == _INCONSISTENT else at_version, 0, after)
    version = parse_version(text, _InvalidVersion)
    if text == "0":
        limit = 0  # answered from what upstream's watch cache has, which knows no pages
    if match == "Exact":
        at_version = version
    return Listing(served, wanted, limit, at_version, version, None)


class _InvalidVersion(BadRequest):
    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(f"invalid resource version: {message}", **more)


def parse_version(text: str, error: type[ApiError]) -> int:
    """A resourceVersion, 0 when it is empty; raises `error`."""
    if text and not (text.isascii() and text.isdigit()):
        raise error(f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text or "0")


def check_options(*, watch: bool, match: str, version: str, token: str, initial_events: bool | None) -> None:
    """Which options of a list or a watch go together (apimachinery `meta/internalversion/validation`, whose order and texts these are).

    Raises Invalid.
    """
    if watch:
        causes = _watch_causes(match, token, initial_events)
    else:
        causes = _match_causes(match, version, token) if match else []
        if initial_events is not None:
            causes.append(_forbidden("sendInitialEvents is forbidden for list", "sendInitialEvents"))
    if causes:
        raise Invalid.of(_OPTIONS, "", causes)


def _watch_causes(match: str, token: str, initial_events: bool | None) -> list[Cause]:
    causes: list[Cause] = []
    if initial_events is not None and match != "NotOlderThan":
        causes.append(_forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    if match and initial_events is None:
        causes.append(_forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
    if match not in {"", "NotOlderThan"}:
        causes.append(_unsupported(match, '"NotOlderThan"'))
    if match and token:
        causes.append(_forbidden("resourceVersionMatch is forbidden when continue is provided"))
    return causes


def _match_causes(match: str, version: str, token: str) -> list[Cause]:
    causes: list[Cause] = []
    if not version:
        causes.append(_forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if token:
        causes.append(_forbidden("resourceVersionMatch is forbidden when continue is provided"))
    if match not in {"Exact", "NotOlderThan"}:
        causes.append(_unsupported(match, '"Exact", "NotOlderThan", ""'))
    if match == "Exact" and version == "0":
        causes.append(_forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    return causes


def _forbidden(detail: str, field: str = "resourceVersionMatch") -> Cause:
    return Cause(field, "FieldValueForbidden", f"Forbidden: {detail}")


def _unsupported(match: str, supported: str) -> Cause:
    text = f'Unsupported value: "{match}": supported values: {supported}'
    return Cause("resourceVersionMatch", "FieldValueNotSupported", text)


def _place(stored: Stored) -> tuple[str, str]:
    metadata = stored.obj["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _token(version: int, place: tuple[str, str]) -> str:
    body = {"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(place)}
    return base64.urlsafe_b64encode(orjson.dumps(body)).decode().rstrip("=")


def _parse_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"invalid continue token: continue key is not valid: {error}") from error
    try:
        body = orjson.loads(data)
        namespace, _, name = body["start"].rpartition("/")
        return int(body["rv"]), (namespace, name)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"invalid continue token: continue key is not valid: {gotext.json_error(data)}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequest(f"invalid continue token: continue key is not valid: {error}") from error
