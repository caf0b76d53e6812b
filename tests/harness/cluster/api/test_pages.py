"""Pages of lists whose state has been forgotten, and answers that are compressed."""

from __future__ import annotations

import gzip
from typing import Any

import orjson

from harness.cluster.store.log import Log
from harness.kube.resources import CONFIG_MAPS
from tests.harness.cluster.api.conftest import Face

MAPS = "/api/v1/namespaces/default/configmaps"


def put(face: Face, *names: str, value: str = "") -> None:
    def act() -> None:
        for name in names:
            body: dict[str, Any] = {"metadata": {"name": name, "namespace": "default"}, "data": {"v": value}}
            face.store.create(CONFIG_MAPS, body)

    face.kernel.call(act)


def names_of(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer.json["items"]]


def test_given_a_token_that_is_too_old_then_the_answer_has_one_that_goes_on_with_the_present(face: Face) -> None:
    put(face, "a", "b", "d")
    token = face.request("GET", f"{MAPS}?limit=1").json["metadata"]["continue"]
    face.kernel.call(lambda: setattr(face.store, "_log", Log(1)))
    put(face, "c", "e", "f")
    gone = face.request("GET", f"{MAPS}?limit=2&continue={token}")
    assert (gone.code, gone.json["reason"]) == (410, "Expired")
    assert gone.json["message"].startswith("The provided continue parameter is too old to display a consistent list")
    fresh = gone.json["metadata"]["continue"]
    page = face.request("GET", f"{MAPS}?limit=2&continue={fresh}")
    assert names_of(page) == ["b", "c"]
    assert page.json["metadata"]["remainingItemCount"] == 3
    rest = face.request("GET", f"{MAPS}?continue={page.json['metadata']['continue']}")
    assert names_of(rest) == ["d", "e", "f"]


def test_given_a_token_then_no_other_version_may_be_asked_for(face: Face) -> None:
    put(face, "a", "b")
    token = face.request("GET", f"{MAPS}?limit=1").json["metadata"]["continue"]
    answer = face.request("GET", f"{MAPS}?continue={token}&resourceVersion=5")
    assert (answer.code, answer.json["message"]) == (
        400,
        "specifying resource version is not allowed when using continue",
    )
    assert names_of(face.request("GET", f"{MAPS}?continue={token}&resourceVersion=0")) == ["b"]


def test_given_a_version_that_is_forgotten_then_a_list_of_exactly_it_is_gone(face: Face) -> None:
    face.kernel.call(lambda: setattr(face.store, "_log", Log(1)))
    put(face, "a", "b")
    answer = face.request("GET", f"{MAPS}?resourceVersion=1&resourceVersionMatch=Exact")
    assert (answer.code, answer.json["message"]) == (410, "The resourceVersion for the provided list is too old.")


def test_given_a_large_answer_then_it_is_compressed_for_clients_that_take_it(face: Face) -> None:
    put(face, "a", value="x" * 200_000)
    plain = face.request("GET", MAPS)
    packed = face.request("GET", MAPS, Accept_Encoding="deflate, gzip;q=0.5")
    assert "Content-Encoding" not in plain.headers
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert len(packed.body) < 10_000
    assert orjson.loads(gzip.decompress(packed.body)) == plain.json
    assert "Content-Encoding" not in face.request("GET", "/version", Accept_Encoding="gzip").headers
