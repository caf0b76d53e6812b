"""The same requests to the embedded server and, recorded, to a real control plane (1.34): equal codes, texts and objects. See `answers/`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.harness.cluster.api.answers import real
from tests.harness.cluster.api.answers.record import record, recorded
from tests.harness.cluster.api.answers.runner import Send, differences, run
from tests.harness.cluster.api.answers.tables import TABLES
from tests.harness.cluster.api.conftest import Face

_KUBECONFIG = os.environ.get("HARNESS_CONTROL_PLANE", "")
_SCENARIOS = [(table, scenario) for table, scenarios in TABLES.items() for scenario in scenarios]


@pytest.fixture
def ours(face: Face) -> Send:
    def send(method: str, path: str, body: Any, content_type: str) -> tuple[int, Any]:
        sent = None if body is None else orjson.dumps(body)
        answer = face.request(method, path, sent, Content_Type=content_type)
        return answer.code, answer.json

    return send


@pytest.mark.parametrize(("table", "scenario"), _SCENARIOS, ids=lambda name: name.replace(" ", "-"))
def test_given_the_same_requests_then_the_answers_are_those_of_the_real_control_plane(
    ours: Send, table: str, scenario: str
) -> None:
    wanted = recorded(table)[scenario]
    with real.namespace(ours) as namespace:
        answers = run(ours, namespace, TABLES[table][scenario])
    assert len(answers) == len(wanted), "the table changed: record it again"
    found = [
        "\n".join([f"{position}: {there['step']}", *different])
        for position, (there, here) in enumerate(zip(wanted, answers, strict=True))
        if (different := list(differences(there, here)))
    ]
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.skipif(not _KUBECONFIG, reason="HARNESS_CONTROL_PLANE names no kubeconfig of a real control plane")
@pytest.mark.parametrize("table", TABLES)
def test_given_a_real_control_plane_then_it_still_answers_as_recorded(table: str) -> None:
    again = record(real.connect(Path(_KUBECONFIG)), table)
    assert again == recorded(table)
