"""Phase 2: the loaders as Kubernetes Jobs, data sets on S3, records on the shared file system."""

from __future__ import annotations

import json

import pytest

from harness.world.conditions import job_complete
from harness.world.world import World

pytestmark = [pytest.mark.phase(2), pytest.mark.needs("real_processes")]

LOADERS = ("idr", "flyem", "ebi", "epfl", "openorganelle")


def test_the_jobs_in_order_leave_every_data_set_and_its_record(world: World) -> None:
    # given the deployed platform, when each loader's Job runs after the one before, and the consolidation last
    for service in (*LOADERS, "consolidate"):
        world.wait(job_complete(world.run_job(service, ZARR_CHUNK_SIZE_MB="1")))
    # then every data set is in the bucket, equal to its source
    datasets = world.datasets(compare=True)
    assert {dataset.stored.source for dataset in datasets} == set(LOADERS)
    assert [dataset.difference for dataset in datasets if dataset.difference] == []
    # and its record and the catalogue are on the shared file system
    shared = world.backend.shared_directory()
    records = [json.loads(path.read_text()) for path in sorted(shared.glob("records/*/*.json"))]
    assert sorted(record["source"] for record in records) == sorted(LOADERS)
    assert {record["status"] for record in records} == {"complete"}
    assert (shared / "catalogue" / "catalog.json").is_file()


def test_two_nodes_write_to_the_shared_file_system_at_once(world: World) -> None:
    # given two loaders of different node groups, when they run at the same time
    jobs = [world.run_job(service, ZARR_CHUNK_SIZE_MB="1") for service in ("epfl", "idr")]
    for job in jobs:
        world.wait(job_complete(job))
    # then both have left their records, from two nodes
    nodes = {record.details["node"] for record in world.timeline.of_kind("PodSucceeded")}
    assert len(nodes) == 2
    records = sorted(path.parent.name for path in world.backend.shared_directory().glob("records/*/*.json"))
    assert records == ["epfl", "idr"]


def test_consolidation_refuses_what_is_not_whole(world: World) -> None:
    # given one loader's data set alone
    world.wait(job_complete(world.run_job("idr", ZARR_CHUNK_SIZE_MB="1")))
    # when the consolidation expects all five
    job = world.run_job("consolidate")
    # then its Job fails at once: exit code 1 is no reason to try again
    with pytest.raises(AssertionError, match="it can never hold"):
        world.wait(job_complete(job))
