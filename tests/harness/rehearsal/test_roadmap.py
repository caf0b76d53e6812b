"""The checklist: every checkbox of the plan, decided by the rehearsal's findings and by nothing else."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.rehearsal.roadmap import CORE_MIGRATION, FOUNDATION, OPTIMIZATION, PRODUCTION, Finding, checklist
from harness.rehearsal.run import _Rehearsal

NAMES = _Rehearsal._expected_findings()
GOOD = {name: Finding(True, f"{name} holds") for name in NAMES}
DECIDES = {
    "provisioned": {"Set up AWS CDK infrastructure stack"},
    "images": {"Create ECR repositories for container images"},
    "node_groups": {"Deploy basic EKS cluster with node groups"},
    "overlap": {"Implement basic orchestration with dependencies"},
    "scaled_up": {"Implement auto-scaling policies"},
    "scaled_down": {"Implement auto-scaling policies"},
    "bill": {"Optimize resource allocation and cost management"},
}


def test_given_all_findings_then_every_item_has_a_state_and_a_reason() -> None:
    items = checklist(GOOD)
    assert Counter(item.phase for item in items) == {FOUNDATION: 4, CORE_MIGRATION: 4, OPTIMIZATION: 4, PRODUCTION: 4}
    assert {item.state for item in items} == {"passed", "not rehearsed"}
    assert all(item.because for item in items)
    assert len({(item.phase, item.item) for item in items}) == 16


def test_what_is_not_rehearsed_is_never_passed_whatever_was_found() -> None:
    for findings in (GOOD, {name: Finding(False, "no") for name in NAMES}):
        assert {item.state for item in checklist(findings) if item.phase == PRODUCTION} == {"not rehearsed"}


@pytest.mark.parametrize("name", NAMES)
def test_given_one_finding_that_failed_then_the_items_it_decides_fail_with_its_words(name: str) -> None:
    items = checklist(GOOD | {name: Finding(False, f"{name} is broken")})
    failed = {item.item: item.because for item in items if item.state == "failed"}
    assert failed, f"{name} decides no item"
    assert set(failed.values()) == {f"{name} is broken"}
    assert DECIDES.get(name, set(failed)) == set(failed)


@pytest.mark.parametrize("name", NAMES)
def test_what_could_not_be_looked_at_is_not_counted_as_passed(name: str) -> None:
    items = checklist(GOOD | {name: Finding(None, f"{name} was not looked at")})
    unseen = {item.because for item in items if item.state == "not rehearsed"} & {f"{name} was not looked at"}
    assert unseen, f"{name} decides no item"
    assert "failed" not in {item.state for item in items}


def test_a_failure_weighs_more_than_what_was_not_looked_at() -> None:
    items = checklist(GOOD | {"datasets": Finding(False, "a voxel differs"), "records": Finding(None, "not looked at")})
    (storage,) = [item for item in items if item.item == "Set up EFS shared storage and S3 integration"]
    assert (storage.state, storage.because) == ("failed", "a voxel differs")


def test_given_no_finding_for_an_item_then_the_checklist_cannot_be_written() -> None:
    with pytest.raises(KeyError, match="provisioned"):
        checklist({})
