"""The remote reader against a scripted server: broken watches, 410 Gone, lists in pages. Real here: reader, cache, kernel and threads; played: the channel."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import pytest

from harness.clock import Kernel
from harness.kube.errors import ApiError, Expired, TooManyRequests, Transient
from harness.kube.remote import RemoteReader, Unreachable
from harness.kube.remote.cache import Cache, owner_index
from harness.kube.remote.failures import error_of
from harness.kube.resources import CONFIG_MAPS

PATIENCE_S = 10.0
END = object()


def config(name: str, version: int, **data: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "x", "uid": f"{name}-{version}", "resourceVersion": str(version)},
        "data": data,
    }


def event(kind: str, obj: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "object": obj})


class Script:
    """A server that answers what a test puts in; every list and watch is noted."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = list(pages)
        self.lines: queue.Queue[Any] = queue.Queue()
        self.asked: list[str] = []

    def request(self, method: str, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.asked.append(f"list {(query or {}).get('continue', '')}".strip())
        return self.pages.pop(0)

    def stream(self, path: str, query: Mapping[str, str], *, silence_s: float) -> Any:
        self.asked.append(f"watch {query['resourceVersion']}")
        return self

    def __iter__(self) -> Iterator[bytes]:
        while (line := self.lines.get()) is not END:
            if isinstance(line, Exception):
                raise line
            yield line

    def close(self) -> None:
        self.lines.put(END)


def page(version: int, *items: dict[str, Any], more: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version)} | ({"continue": more} if more else {}), "items": list(items)}


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel(time.time_ns() // 1000, pace=1.0)
    kernel.start()
    yield kernel
    kernel.close()


def watched(kernel: Kernel, script: Script) -> tuple[RemoteReader, list[tuple[str, str, str]]]:
    reader = RemoteReader(kernel, script)
    seen: list[tuple[str, str, str]] = []
    kernel.call(
        lambda: reader.observe(
            CONFIG_MAPS,
            lambda change, obj, _: seen.append((change, obj["metadata"]["name"], obj["metadata"]["resourceVersion"])),
        )
    )
    return reader, seen


def until(kernel: Kernel, condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not kernel.call(condition):
        assert time.monotonic() < ends


def test_a_list_comes_in_pages(kernel: Kernel) -> None:
    script = Script(page(7, config("a", 1), more="next"), page(7, config("b", 2)))
    reader, seen = watched(kernel, script)
    assert seen == [("ADDED", "a", "1"), ("ADDED", "b", "2")]
    until(kernel, lambda: "watch 7" in script.asked)
    assert script.asked == ["list", "list next", "watch 7"]
    reader.close()


def test_a_watch_that_breaks_off_goes_on_where_it_was_also_after_a_bookmark(kernel: Kernel) -> None:
    script = Script(page(5))
    reader, seen = watched(kernel, script)
    script.lines.put(event("ADDED", config("a", 6)))
    script.lines.put(event("BOOKMARK", {"metadata": {"resourceVersion": "9"}}))
    script.lines.put(Unreachable("broken"))
    script.lines.put(event("DELETED", config("a", 10)))
    until(kernel, lambda: len(seen) == 2)
    assert seen == [("ADDED", "a", "6"), ("DELETED", "a", "10")]
    assert script.asked[:3] == ["list", "watch 5", "watch 9"]
    reader.close()


@pytest.mark.parametrize(
    "gone",
    [Expired("too old"), event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})],
)
def test_410_lists_again_and_tells_the_difference(kernel: Kernel, gone: Any) -> None:
    script = Script(
        page(5, config("a", 1), config("b", 2), config("c", 3)),
        page(20, config("b", 2), config("c", 15), config("d", 16)),
    )
    reader, seen = watched(kernel, script)
    script.lines.put(gone)
    until(kernel, lambda: len(seen) == 6)
    assert seen[3:] == [("DELETED", "a", "1"), ("MODIFIED", "c", "15"), ("ADDED", "d", "16")]
    until(kernel, lambda: script.asked[-1] == "watch 20")
    reader.close()


def test_what_is_older_than_what_is_known_changes_nothing(kernel: Kernel) -> None:
    script = Script(page(5, config("a", 4)))
    reader, seen = watched(kernel, script)
    script.lines.put(event("MODIFIED", config("a", 3)))
    script.lines.put(event("MODIFIED", config("a", 6)))
    until(kernel, lambda: len(seen) == 2)
    assert seen == [("ADDED", "a", "4"), ("MODIFIED", "a", "6")]
    reader.close()


def test_a_server_that_cannot_be_reached_is_told_and_tried_again(kernel: Kernel) -> None:
    script = Script(page(5))
    reader, seen = watched(kernel, script)
    for _ in range(3):
        script.lines.put(b"no json")
    until(kernel, lambda: bool(reader.troubles()))
    assert "configmaps: a watch sent what is no JSON" in reader.troubles()[0]
    script.lines.put(event("ADDED", config("a", 6)))
    until(kernel, lambda: len(seen) == 1)
    reader.close()


def test_a_list_that_fails_at_the_first_question_is_the_callers_error(kernel: Kernel) -> None:
    class Down(Script):
        def request(self, *_args: Any, **_options: Any) -> dict[str, Any]:
            raise Unreachable("no answer")

    with pytest.raises(Unreachable):
        kernel.call(lambda: RemoteReader(kernel, Down()).list(CONFIG_MAPS))


def test_the_cache_forgets_what_was_dropped() -> None:
    cache = Cache({"owner": owner_index})
    owned = config("a", 1)
    owned["metadata"]["ownerReferences"] = [{"uid": "u", "controller": True, "kind": "X", "name": "x"}]
    cache.put(owned)
    assert cache.find("owner", "u") == [owned]
    cache.drop(("x", "a"))
    assert (list(cache.find("owner", "u")), list(cache.all(None)), cache.drop(("x", "a"))) == ([], [], None)


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (410, {"reason": "Expired"}, Expired),
        (410, "gone", Expired),
        (500, {"reason": "InternalError", "message": "etcd"}, Transient),
        (503, "", Transient),
        (429, {"reason": "TooManyRequests"}, Transient),
        (429, {"reason": "TooManyRequests", "details": {"causes": [{"reason": "DisruptionBudget"}]}}, TooManyRequests),
        (418, {"reason": "Teapot", "message": "short and stout"}, ApiError),
    ],
)
def test_answers_become_errors(code: int, body: Any, kind: type[ApiError]) -> None:
    error = error_of(code, body)
    assert isinstance(error, kind)
    assert error.code == code
