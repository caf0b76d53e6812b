"""Lists, watches, negotiation and unreadable requests: the embedded server answers each as a real control plane (1.34) did. See `exchanges/`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness.cluster.api.answers.runner import differences
from tests.harness.cluster.api.conftest import Face
from tests.harness.cluster.api.exchanges.exchange import answer, prepare
from tests.harness.cluster.api.exchanges.record import record, recorded
from tests.harness.cluster.api.exchanges.table import SELECTORS, TABLE

_KUBECONFIG = os.environ.get("HARNESS_CONTROL_PLANE", "")


@pytest.mark.slow  # a watch lasts at least a second
@pytest.mark.parametrize("name", TABLE)
def test_given_a_request_then_the_answer_is_that_of_the_real_control_plane(face: Face, name: str) -> None:
    headers = {"Authorization": f"Bearer {face.server.token}"}
    prepare(face.connect, headers, "default")
    ours = answer(face.connect, headers, "default", TABLE[name])
    found = list(differences(recorded()[name], ours))
    assert not found, "\n".join(found)


def test_given_selectors_then_they_are_read_or_refused_as_by_the_real_control_plane(face: Face) -> None:
    headers = {"Authorization": f"Bearer {face.server.token}"}
    prepare(face.connect, headers, "default")
    found = [
        f"{name}: {difference}"
        for name, exchange in SELECTORS.items()
        for difference in differences(recorded()[name], answer(face.connect, headers, "default", exchange))
    ]
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.skipif(not _KUBECONFIG, reason="HARNESS_CONTROL_PLANE names no kubeconfig of a real control plane")
def test_given_a_real_control_plane_then_it_still_answers_as_recorded() -> None:
    assert record(Path(_KUBECONFIG)) == recorded()
