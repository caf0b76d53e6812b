"""What every sink must do: a class to inherit from."""

from __future__ import annotations

import pytest

from pipeline.errors import SinkConflict, SinkNotFound
from pipeline.sink.base import Sink, digest


class SinkContract:
    @pytest.fixture
    def sink(self) -> Sink:
        raise NotImplementedError

    def test_what_was_created_is_there(self, sink: Sink) -> None:
        assert sink.create("a/b/c", b"body") == digest(b"body")
        assert sink.get("a/b/c") == b"body"
        found = sink.stat("a/b/c")
        assert found is not None
        assert (found.key, found.size_bytes, found.sha256) == ("a/b/c", 4, digest(b"body"))

    def test_what_was_not_created_is_not(self, sink: Sink) -> None:
        sink.create("a/b", b"x")
        for key in ("nothing", "a", "a/b/c", "a/bc"):
            assert sink.stat(key) is None
            with pytest.raises(SinkNotFound, match=key):
                sink.get(key)

    def test_the_same_bytes_again_are_fine(self, sink: Sink) -> None:
        assert sink.create("key", b"same") == sink.create("key", b"same")

    def test_other_bytes_are_a_conflict_and_change_nothing(self, sink: Sink) -> None:
        sink.create("key", b"first")
        with pytest.raises(SinkConflict, match="key: holds other bytes"):
            sink.create("key", b"other")
        assert sink.get("key") == b"first"

    def test_an_empty_object_is_an_object(self, sink: Sink) -> None:
        sink.create("empty", b"")
        assert sink.get("empty") == b""

    def test_a_listing_has_the_prefix_in_byte_order_with_sizes(self, sink: Sink) -> None:
        keys = ["p/s1/c/0", "p/s1.x", "p/s10/c/0", "p/s1/zarr.json", "p/s1/c/10", "p/s1/c/2", "q/s1", "p"]
        for key in keys[:-1]:
            sink.create(key, key.encode())
        found = list(sink.list("p/"))
        assert [item.key for item in found] == sorted(key for key in keys if key.startswith("p/"))
        assert all(item.size_bytes == len(item.key) for item in found)
        assert [item.key for item in sink.list("p/s1/")] == ["p/s1/c/0", "p/s1/c/10", "p/s1/c/2", "p/s1/zarr.json"]
        assert [item.key for item in sink.list("p/s1")] == sorted(key for key in keys if key.startswith("p/s1"))
        assert list(sink.list("nothing/")) == []
