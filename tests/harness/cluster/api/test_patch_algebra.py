"""Every kind of patch, and who owns what after it, against a real server's recorded answers (fixtures/patch_algebra): 480 random cases, request by request.

A case ends with its first refusal by validation: what is valid is other tests' subject, so there both servers only have to refuse. The rest has to be equal
to the last field, managedFields and whether the version moved included.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fixtures.patch_algebra.answers import Send, load, play, prepare
from fixtures.patch_algebra.cases import KINDS, all_cases
from tests.harness.cluster.api.conftest import TIMEOUT_S, Face

pytestmark = pytest.mark.slow
HEAD, ANSWERS = load()
CASES = {case.name: case for case in all_cases(HEAD["seed"], HEAD["count"])}
_NULL = "upstream leaves a null where an apply took everything out of a custom object's map, and then refuses it; here the map goes"
_EMPTIED = "a map without a schema that an apply emptied counts as changed here, as taken away upstream"
_POLICY = "upstream drops a service's externalTrafficPolicy after it worked out who owns it, so somebody goes on owning nothing"
EXPLAINED: dict[str, str] = {
    **dict.fromkeys(("case-189", "case-269", "case-454"), _NULL),
    "case-459": _EMPTIED,
    **dict.fromkeys(("case-48", "case-298", "case-468"), _POLICY),
}


@pytest.fixture
def send(face: Face) -> Iterator[Send]:
    context = ssl.create_default_context(cadata=face.server.authority_pem.decode())
    connection = http.client.HTTPSConnection("127.0.0.1", face.server.port, timeout=TIMEOUT_S, context=context)

    def request(method: str, path: str, body: Any, media: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {face.server.token}", "Content-Type": media, "User-Agent": "algebra/1"}
        connection.request(method, path, orjson.dumps(body), headers)
        response = connection.getresponse()
        return response.status, orjson.loads(response.read())

    prepare(request)
    yield request
    connection.close()


def is_invalid(answer: dict[str, Any]) -> bool:
    """Whether validation or decoding refused, whose texts other tests compare."""
    return answer["code"] == 422 and bool(answer.get("details", {}).get("causes"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_given_random_patches_then_the_answers_are_those_of_the_real_server(kind: Any, send: Send) -> None:
    compared, different = 0, []
    for name, recorded in ANSWERS:
        if CASES[name].collection != kind.collection:
            continue
        for position, (real, ours) in enumerate(zip(recorded, play(send, CASES[name]), strict=True)):
            compared += 1
            if is_invalid(real) and ours["code"] in {400, 422}:
                break
            if real != ours:
                different.append((name, position, real, ours))
                break
    assert [entry for entry in different if entry[0] not in EXPLAINED] == []
    explained = {name for name in EXPLAINED if CASES[name].collection == kind.collection}
    assert {entry[0] for entry in different} == explained, "what is explained no longer differs: take it out"
    assert compared > 150


def test_given_the_seed_then_the_cases_are_those_that_were_recorded() -> None:
    assert [name for name, _ in ANSWERS] == list(CASES)
    assert all(len(answers) == len(CASES[name].steps) for name, answers in ANSWERS)
    assert HEAD["server"].startswith("v1.34")
