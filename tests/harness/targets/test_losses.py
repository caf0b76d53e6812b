"""Lost work: from the last commit of a pod to its end, when its machine was taken."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import SECOND, Record
from harness.targets.losses import LossLedger
from tests.harness.doubles import START

POD, NODE = "em-pipeline/w-flyem-1", "n1"
PARTY = f"{POD}/main/0"


def at(moment_s: float, kind: str, subject: str = f"Pod/{POD}", **details: Any) -> Record:
    return Record(START + round(moment_s * SECOND), kind, subject, {"node": NODE} | details)


RAN = [at(0, "PodRunning"), at(100, "PodFailed", exit_codes=[143])]


@pytest.mark.parametrize(
    ("records", "commits_s", "lost_s"),
    [
        ([], [], 0.0),
        ([at(0, "PodRunning")], [], 0.0),  # it runs on
        ([at(100, "PodFailed")], [], 0.0),  # it never ran
        (RAN, [], 100.0),
        (RAN, [30, 60], 40.0),
        (RAN, [60, 30], 40.0),
        (RAN, [-5], 100.0),  # an earlier life
        (RAN, [60, 101], 40.0),  # a later one
        ([at(0, "PodRunning"), at(80, "PodGone")], [30], 50.0),
        ([*RAN, at(130, "PodGone")], [30], 70.0),  # the first end counts
        ([at(0, "PodRunning"), at(90, "PodSucceeded"), at(95, "PodGone")], [30], 0.0),
        ([at(0, "PodRunning"), at(100, "PodFailed", subject="Pod/ns/other")], [], 0.0),
        ([at(0, "PodRunning", node="n2"), at(100, "PodFailed", node="n2")], [], 0.0),
        ([RAN[0], at(70, "CheckpointPassed", subject="x", container=PARTY), RAN[1]], [30], 30.0),
        ([RAN[0], at(70, "CheckpointPassed", subject="x", container=f"{POD}0/main/0"), RAN[1]], [30], 70.0),
    ],
)
def test_work_is_lost_from_the_last_commit_to_the_end(
    records: list[Record], commits_s: list[int], lost_s: float
) -> None:
    ledger = LossLedger()
    for moment_s in commits_s:
        ledger.committed(PARTY, START + moment_s * SECOND)
    ledger.committed("em-pipeline/other/main/0", START + 99 * SECOND)
    assert ledger.lost_s(POD, NODE, records) == lost_s


def test_commits_of_every_restart_of_a_pod_count() -> None:
    ledger = LossLedger()
    ledger.committed(f"{POD}/main/1", START + 90 * SECOND)
    assert ledger.lost_s(POD, NODE, RAN) == 10.0
