"""Phase 2: what goes wrong between a loader and the world: back-off where it helps, else a clear end and nothing half-written."""

from __future__ import annotations

import json

import pytest

from harness.faults import FailCalls
from harness.plugin import OpenWorld
from harness.world.conditions import job_complete
from harness.world.world import World

pytestmark = [pytest.mark.phase(2), pytest.mark.needs("real_processes")]

ROOT = "s3://*.ome.zarr/zarr.json"


def record_of(world: World, source: str) -> dict[str, object]:
    """The only record of a source on the shared file system."""
    (path,) = world.backend.shared_directory().glob(f"records/{source}/*.json")
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_a_throttled_archive_a_slow_bucket_and_a_lost_acknowledgement_are_outlived(open_world: OpenWorld) -> None:
    # given an archive that is busy at first, a bucket that wants less, and a root whose acknowledgement is lost
    world = open_world(archive_failures=({"failure": "http-503", "archive": "flyem", "target": "*/raw/*", "first": 2},))
    world.deploy()
    world.inject(FailCalls("PutObject", "SlowDown", target="*/s0/c/*", first=2, times=2))
    world.inject(FailCalls("PutObject", "LostAcknowledgement", target=ROOT))
    # when the loader runs, then it takes its time, and the data are whole
    begun = world.now_us
    world.wait(job_complete(world.run_job("flyem", ZARR_CHUNK_SIZE_MB="1")))
    (dataset,) = world.datasets(compare=True)
    assert dataset.difference is None
    assert record_of(world, "flyem")["status"] == "complete"
    assert world.timeline.of_kind("JobComplete")
    assert len(world.timeline.of_kind("PodFailed")) == 0
    assert world.now_us > begun


def test_without_permission_the_loader_ends_with_one_clear_line_and_leaves_no_data_set(world: World) -> None:
    # given a role that may not write
    world.inject(FailCalls("PutObject", "AccessDenied", times=1000))
    # when the loader runs as a Job
    job = world.run_job("idr", ZARR_CHUNK_SIZE_MB="1")
    with pytest.raises(AssertionError, match="it can never hold"):
        world.wait(job_complete(job))
    # then it ended at once, as no further try would help, with exit code 1
    (failed,) = world.timeline.of_kind("PodFailed")
    assert failed.details["exit_codes"] == [1]
    # and its log ends with one line that names place and reason, its record says failed, no data set is visible
    namespace, pod = failed.subject.removeprefix("Pod/").split("/")
    log = world.backend.pod_log(namespace, pod, "main").strip().splitlines()
    plain = [line for line in log if not line.startswith("{")]
    assert len(plain) == 1
    assert plain[0].startswith("idr: s3://")
    assert "AccessDenied" in plain[0] or "allow" in plain[0]
    assert record_of(world, "idr")["status"] == "failed"
    assert world.datasets() == []


def test_an_archive_that_lost_its_file_fails_the_job_and_is_not_tried_again(open_world: OpenWorld) -> None:
    # given an FTP archive without the file
    world = open_world(archive_failures=({"failure": "not-found", "archive": "idr-ftp", "operation": "*"},))
    world.deploy()
    # when the loader runs, then it fails once
    with pytest.raises(AssertionError, match="it can never hold"):
        world.wait(job_complete(world.run_job("idr", ZARR_CHUNK_SIZE_MB="1")))
    assert [record.details["exit_codes"] for record in world.timeline.of_kind("PodFailed")] == [[1]]
    assert record_of(world, "idr")["status"] == "failed"
    assert world.datasets() == []
    assert len(world.pods(name="idr")) == 1
