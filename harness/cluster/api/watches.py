"""The options of a watch, and where it begins (apimachinery `meta/internalversion/{defaults,validation}`, apiserver `storage/cacher`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.api.listing import TooLargeVersion, check_options, parse_version
from harness.cluster.api.routes import is_true, number
from harness.cluster.store import Entry, Served, Store, Stored
from harness.kube.errors import ApiError

_TIMEOUT_S = 3600
_EARLY_S = 2.0


class InvalidVersion(ApiError):
    """A resourceVersion of a watch that is no number; upstream answers 500, without a reason."""

    code, reason = 500, ""


@dataclass(frozen=True)
class WatchOptions:
    """Where a watch begins and how long it lasts."""

    version: int | None  # None: from the present state, which is sent first
    at_least: int  # the present state has to be at least this new
    initial_events: bool  # the end of the present state is said by a bookmark
    bookmarks: bool
    timeout_s: float

    @property
    def last_bookmark_s(self) -> float | None:
        """When to say a last time how far it has come: two seconds before the end."""
        return self.timeout_s - _EARLY_S if self.timeout_s > _EARLY_S else None


def parse_watch(query: Mapping[str, str]) -> WatchOptions:
    """Read the options of a watch. Raises BadRequest, Invalid."""
    timeout_s = number(query, "timeoutSeconds")
    match, text = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
    initial = is_true(query, "sendInitialEvents") if "sendInitialEvents" in query else None
    if initial is None and not match and text in {"", "0"}:
        initial, match = True, "NotOlderThan"  # what a watch without a version has always done
    check_options(watch=True, match=match, version=text, token=query.get("continue", ""), initial_events=initial)
    version = parse_version(text, InvalidVersion)
    return WatchOptions(
        version=None if initial else version,
        at_least=version,
        initial_events=bool(initial),
        bookmarks=is_true(query, "allowWatchBookmarks"),
        timeout_s=float(max(timeout_s, 0)) if timeout_s else _TIMEOUT_S,
    )


def begin(
    store: Store, served: Served, options: WatchOptions, namespace: str | None
) -> tuple[Sequence[Stored], Sequence[Entry], int]:
    """On the kernel's thread: what a watch sends first (objects, or changes since its version) and the version that this brings it to.

    Raises Expired, TooLargeVersion. A watch from a version that is still to come waits for it.
    """
    if options.version is None:
        if options.at_least > store.version:
            raise TooLargeVersion.of(options.at_least, store.version)
        return store.stored_list(served.resource, namespace), (), store.version
    if options.version >= store.version:
        return (), (), options.version
    return (), store.since(served.resource, options.version), store.version
