"""What is found in a world: a timeline written by hand, over the small backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from harness.fidelity.scenarios.facts import facts_of
from harness.targets.base import Settings, TakenInstance
from harness.targets.project import find_project
from harness.world.world import World
from tests.harness.doubles import START, FakeBackend

GROUPS = {"n1": ("small-loaders", "SPOT"), "n2": ("small-loaders", "SPOT"), "n3": ("heavy-processing", "ON_DEMAND")}


class Backend(FakeBackend):
    """Knows what was stored and taken."""

    stored: Sequence[tuple[str, str]] = ()
    taken: Sequence[TakenInstance] = ()

    def stored_objects(self) -> Sequence[tuple[str, str]]:
        return self.stored

    def taken_instances(self) -> Sequence[TakenInstance]:
        return self.taken


class Story:
    """A world and its timeline."""

    def __init__(self, shorter: float | None = None) -> None:
        self.backend = Backend(find_project("dev"), Settings("dev", 7, 1 / 4096, shorter=shorter))
        self.world = World(self.backend)
        for node, (group, capacity) in GROUPS.items():
            self.tell("NodeJoined", f"Node/{node}", node_group=group, capacity_type=capacity)

    def tell(self, kind: str, subject: str, *, after_s: float = 0, **details: Any) -> None:
        def write() -> None:
            self.backend.timeline.record(kind, subject, **details)

        if after_s:
            self.world.advance(after_s)
        self.backend.kernel.call(write)

    def pod(self, name: str, service: str, node: str, end: str, *codes: int, **details: Any) -> None:
        subject = f"Pod/em-pipeline/{name}"
        self.tell("PodPending", subject, node=None, name=service)
        self.tell("PodRunning", subject, node=node, name=service)
        if end != "PodGone":
            self.tell(end, subject, node=node, name=service, exit_codes=list(codes), **details)
        self.tell("PodGone", subject, node=node)


@pytest.fixture
def story() -> Iterator[Story]:
    story = Story()
    yield story
    story.world.close()


def test_given_pods_of_a_service_then_their_placements_and_ends_are_told_in_order(story: Story) -> None:
    story.pod("idr-a1b2c-d3e4f", "idr", "n1", "PodFailed", 143)
    story.pod("idr-a1b2c-x9y8z", "idr", "n3", "PodSucceeded", 0)
    story.pod("ebi-a1b2c-d3e4f", "ebi", "n2", "PodGone")
    story.pod("flyem-a1b2c-d3e4f", "flyem", "n2", "PodFailed", 137, reason="Evicted")
    story.tell("PodRunning", "Pod/kube-system/cluster-autoscaler-1", node="n1", name="cluster-autoscaler")

    assert facts_of(story.world).facts == {
        "pods of ebi: placements": "small-loaders SPOT",
        "pods of ebi: ends": "Gone",
        "pods of flyem: placements": "small-loaders SPOT",
        "pods of flyem: ends": "Failed 137 Evicted",
        "pods of idr: placements": "small-loaders SPOT, heavy-processing ON_DEMAND",
        "pods of idr: ends": "Failed 143, Succeeded 0",
    }


def test_given_a_lost_pod_that_is_made_again_under_its_name_then_both_are_told(story: Story) -> None:
    story.pod("em-pipeline-a1b2c-epfl-342", "epfl", "n3", "PodFailed")
    story.pod("em-pipeline-a1b2c-epfl-342", "epfl", "n3", "PodSucceeded", 0)

    assert facts_of(story.world).facts == {
        "pods of epfl: placements": "heavy-processing ON_DEMAND, heavy-processing ON_DEMAND",
        "pods of epfl: ends": "Failed, Succeeded 0",
    }


def test_given_jobs_then_each_has_its_end_without_its_generated_name(story: Story) -> None:
    story.tell("JobFailed", "Job/em-pipeline/idr-a1b2c")
    story.tell("JobComplete", "Job/em-pipeline/idr-d3e4f")
    story.tell("JobComplete", "Job/em-pipeline/metadata-consolidate-x1y2z")

    assert facts_of(story.world).facts == {
        "job idr 1: end": "Failed",
        "job idr 2: end": "Complete",
        "job metadata-consolidate 1: end": "Complete",
    }


def test_given_a_workflow_that_is_gone_then_its_last_phase_is_told(story: Story) -> None:
    story.tell("WorkflowRunning", "Workflow/em-pipeline/em-pipeline-a1b2c")
    story.tell("WorkflowFailed", "Workflow/em-pipeline/em-pipeline-a1b2c")
    story.tell("WorkflowNodeFailed", "Workflow/em-pipeline/em-pipeline-a1b2c", component="workflow-controller")

    assert facts_of(story.world).facts == {"workflow 1: phase": "Failed"}


def test_given_shards_that_were_stored_again_then_they_count_as_lost(story: Story) -> None:
    shard = "s3://bucket/flyem/hemibrain/1.ome.zarr/s0/c/0/0/{}"
    story.backend.stored = [
        ("em-pipeline/a", shard.format(0)),
        ("em-pipeline/a", shard.format(1)),
        ("em-pipeline/b", shard.format(1)),
        ("em-pipeline/b", "s3://bucket/flyem/hemibrain/1.ome.zarr/zarr.json"),
    ]
    facts = facts_of(story.world).facts
    assert facts == {"shards of flyem: stored": "2", "shards of flyem: lost": "1"}


def test_given_machines_that_were_taken_then_their_group_notice_and_work_are_told(story: Story) -> None:
    pods = ("em-pipeline/em-pipeline-mjlnb-flyem-1313125228", "em-pipeline/idr-a1b2c-d3e4f")
    story.backend.taken = [TakenInstance(START, "i-1", "n1", "small-loaders", 120, pods, 2.5)]
    assert facts_of(story.world).facts == {
        "machine 1 taken: group": "small-loaders",
        "machine 1 taken: notice": "120 s",
        "machine 1 taken: work on it": "flyem, idr",
    }


def test_given_delays_in_a_world_that_shortens_them_then_they_are_told_as_what_they_stand_for() -> None:
    story = Story(shorter=10)
    for number, lasts_s in enumerate((11.8, 12.0, 12.9)):
        story.tell("SpotInterruptionWarning", f"Instance/i-{number}", node="n1")
        story.tell("InstanceShuttingDown", f"Instance/i-{number}", after_s=lasts_s, group="small-loaders")
    story.tell("InstanceShuttingDown", "Instance/i-9", after_s=5, group="small-loaders")

    found = facts_of(story.world)
    story.world.close()

    assert found.shorter == 10
    assert found.delays_s == {"notice until the machine goes, small-loaders": 120.0}
