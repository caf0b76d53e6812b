"""Phase 4: what fails in production without anybody's mistake: a zone, capacity, the network to an archive, room on a disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import pytest

from harness.clock import Record
from harness.faults import CutNetwork, FillDisk, LoseZone, OnKnock, RefuseCapacity
from harness.kube.objects import labels_of, name_of
from harness.kube.resources import NODES
from harness.plugin import OpenWorld
from harness.world.chronicle import INSTANCE_TYPE
from harness.world.conditions import job_complete, workflow_succeeded
from harness.world.world import NAMESPACE, World

pytestmark = [pytest.mark.phase(4), pytest.mark.needs("real_processes")]

SHARD = "*/s0/c/*"


def at_shard(service: str, count: int) -> OnKnock:
    """When the service's pod stores its `count`-th shard."""
    return OnKnock("PutObject", pod=pods_of(service), target=SHARD, count=count)


def pods_of(service: str) -> str:
    """The pods of a service, in a Job or in the Workflow."""
    return f"{NAMESPACE}/*{service}-*"


def load(world: World, service: str) -> None:
    """A loader as a Job, to its success."""
    world.wait(job_complete(world.run_job(service, ZARR_CHUNK_SIZE_MB="1")))


def load_in_vain(world: World, service: str) -> str:
    """A loader as a Job, to its failure at the first attempt; the one plain line that its log ends with."""
    with pytest.raises(AssertionError, match="it can never hold"):
        world.wait(job_complete(world.run_job(service, ZARR_CHUNK_SIZE_MB="1")))
    (failed,) = world.timeline.of_kind("PodFailed")
    assert failed.details["exit_codes"] == [1]
    namespace, pod = failed.subject.removeprefix("Pod/").split("/")
    log = world.backend.pod_log(namespace, pod, "main").strip().splitlines()
    (line,) = [line for line in log if not line.startswith("{")]
    return line


def record_status(world: World, source: str) -> str:
    """The status in the only record of a source."""
    (path,) = world.backend.shared_directory().glob(f"records/{source}/*.json")
    return str(json.loads(path.read_text())["status"])


def machines(records: Iterable[Record]) -> dict[str, Mapping[str, str]]:
    """What joined from a node group, by name in that order; a real cluster has its control plane too."""
    return {
        record.subject.removeprefix("Node/"): record.details
        for record in records
        if record.kind == "NodeJoined" and "node_group" in record.details
    }


def differences(world: World) -> list[str]:
    """What differs between the data sets and their sources."""
    return [dataset.difference for dataset in world.datasets(compare=True) if dataset.difference is not None]


def test_a_zone_that_is_lost_costs_its_machines_and_no_data(world: World) -> None:
    # given a Workflow, when the zone of EPFL's machine is lost for good in the middle of its shards
    world.inject(LoseZone(pod=pods_of("epfl")), at_shard("epfl", 2))
    workflow = world.submit_workflow(chunk_size_mb="1")
    world.wait(workflow_succeeded(workflow))
    # then EPFL has run twice, the second time in another zone
    records = list(world.timeline)
    zones = {node: details["zone"] for node, details in machines(records).items()}
    ran = [
        zones[record.details["node"]]
        for record in records
        if record.kind == "PodRunning" and record.details.get("name") == "epfl"
    ]
    assert len(ran) == 2
    assert ran[0] != ran[1]
    # and no machine has come up in the lost zone since, whose machines are all gone
    (lost,) = [at for at, record in enumerate(records) if record.kind == "FaultInjected"]
    assert ran[0] not in {details["zone"] for details in machines(records[lost:]).values()}
    taken = {one.node for one in world.taken_instances()}
    assert taken
    assert {zones[node] for node in taken} == {ran[0]}
    assert taken.isdisjoint(name_of(node) for node in world.objects(NODES))
    # and the data are whole
    assert differences(world) == []


def test_while_spot_has_no_capacity_small_loaders_wait_and_the_others_go_on(world: World) -> None:
    # given no spot capacity in any zone for ten minutes, when the Workflow runs
    world.inject(RefuseCapacity(seconds=600, capacity_type="SPOT"))
    workflow = world.submit_workflow(chunk_size_mb="1")
    world.wait(workflow_succeeded(workflow))
    # then Auto Scaling said why it launched nothing for the small loaders
    refused = {
        record.subject
        for record in world.timeline.of_kind("ScalingActivity")
        if record.details["status"] == "Failed" and "There is no Spot capacity" in record.details["description"]
    }
    assert refused == {"NodeGroup/small-loaders"}
    # and nothing failed: their machines came after those of the heavy ones, when there was capacity again
    tasks = {task.name: task for task in world.tasks(workflow)}
    assert {(task.phase, task.attempts) for task in tasks.values()} == {("Succeeded", 1)}
    joined = [details["node_group"] for details in machines(world.timeline).values()]
    assert joined.index("heavy-processing") < joined.index("small-loaders")


def test_when_the_first_instance_type_is_not_to_be_had_the_next_one_takes_its_place(world: World) -> None:
    # given that the first choice of the heavy node group is sold out everywhere
    (heavy,) = [group for group in world.backend.node_groups() if group["nodegroupName"] == "heavy-processing"]
    first, second = heavy["instanceTypes"][:2]
    world.inject(RefuseCapacity(seconds=3600, instance_type=first))
    # when a heavy loader runs, then it runs on the second choice
    load(world, "epfl")
    types = {labels_of(node).get(INSTANCE_TYPE) for node in world.objects(NODES)}
    assert second in types
    assert first not in types
    assert differences(world) == []


def test_a_silence_of_the_network_that_is_shorter_than_the_patience_is_waited_out(world: World) -> None:
    # given a loader whose packets to its archive vanish for twenty seconds
    world.inject(CutNetwork(pods_of("flyem"), "flyem", seconds=20), at_shard("flyem", 2))
    # when it runs, then it ends well at its first attempt
    load(world, "flyem")
    assert len(world.timeline.of_kind("PodFailed")) == 0
    assert len(world.pods(name="flyem")) == 1
    assert differences(world) == []


def test_a_network_that_resets_every_connection_ends_the_loader_clearly_and_the_next_run_goes_on(world: World) -> None:
    # given a loader whose connections to its archive are reset for longer than it tries
    world.inject(CutNetwork(pods_of("flyem"), "flyem", seconds=120, mode="reset"), at_shard("flyem", 2))
    # when it runs, then it ends with one line that names the place and how often it tried; no data set is visible
    line = load_in_vain(world, "flyem")
    assert line.startswith("flyem: http://")
    assert "(5 attempts); check the network and run again" in line
    assert record_status(world, "flyem") == "failed"
    assert world.datasets() == []
    # and the next run, which is not cut off, adds what is missing
    load(world, "flyem")
    assert record_status(world, "flyem") == "complete"
    assert differences(world) == []


@pytest.mark.needs("virtual_time")
def test_an_hour_of_silence_ends_the_loader_at_its_own_timeout_and_every_run_alike(open_world: OpenWorld) -> None:
    runs = []
    for _ in range(2):
        # given a loader whose packets to its FTP archive vanish for an hour
        world = open_world()
        world.deploy()
        world.inject(CutNetwork(pods_of("ebi"), "ebi-*", seconds=3600), OnKnock("RETR", pod=pods_of("ebi"), count=3))
        # when it runs, then it gives up after five times its timeout, and the waits between
        line = load_in_vain(world, "ebi")
        assert line.startswith("ebi: ftp://")
        (struck,) = world.timeline.of_kind("FaultInjected")
        (failed,) = world.timeline.of_kind("PodFailed")
        assert 5 * 60 <= (failed.at_us - struck.at_us) / 1e6 < 5 * 60 + 60
        assert world.is_repeatable() == []
        runs.append(world.timeline.as_jsonl())
    # and to the byte so each time
    assert runs[0] == runs[1]


@pytest.mark.needs("real_containers")
def test_a_shared_file_system_without_room_ends_the_loader_clearly_and_the_next_run_goes_on(world: World) -> None:
    # given a shared file system that is full from the second shard on, for a minute
    world.inject(FillDisk(seconds=60), at_shard("flyem", 2))
    # when a loader runs, then it ends with one line that says so, and no data set is visible
    line = load_in_vain(world, "flyem")
    assert line.startswith("flyem: ")
    assert "No space left on device" in line
    assert world.datasets() == []
    # and when there is room again, the next run adds what is missing
    world.advance(60)
    load(world, "flyem")
    assert record_status(world, "flyem") == "complete"
    assert differences(world) == []
