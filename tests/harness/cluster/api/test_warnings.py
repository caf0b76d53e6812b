"""Unknown and repeated fields: refused, told or passed over, in the words of a real server (1.34). See `answers/warnings`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

from tests.harness.cluster.api.answers import real, warnings
from tests.harness.cluster.api.answers.record import FOLDER
from tests.harness.cluster.api.conftest import Face


def test_given_fields_that_are_unknown_or_there_twice_then_clients_hear_of_them_as_from_the_real_server(
    face: Face,
) -> None:
    wanted = json.loads((FOLDER / "warnings.json").read_text())["answers"]

    def send(method: str, path: str, body: Any, _content_type: str) -> tuple[int, Any]:
        answer = face.request(method, path, body)
        return answer.code, answer.json

    def tell(method: str, path: str, body: str, content_type: str) -> tuple[int, Sequence[str], Any]:
        answer = face.request(method, path, body.encode(), Content_Type=content_type)
        return answer.code, answer.all("Warning"), orjson.loads(answer.body)

    with real.namespace(send) as namespace:
        for path, body in warnings.BEFORE:
            assert send("POST", path.replace("NS", namespace), json.loads(body), "")[0] == 201
        said = warnings.heard(tell, namespace)
    differing = [f"real {there}\nours {here}" for there, here in zip(wanted, said, strict=True) if there != here]
    assert not differing, "\n\n".join(differing)
