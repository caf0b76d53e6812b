"""Phase 4: runs that repeat."""

from __future__ import annotations

import pytest

from harness.world.conditions import workflow_succeeded
from harness.world.world import World

pytestmark = [pytest.mark.phase(4), pytest.mark.needs("real_processes")]


def test_a_second_run_ingests_nothing(world: World) -> None:
    # given a finished run
    world.wait(workflow_succeeded(world.submit_workflow(chunk_size_mb="1")))
    before = world.backend.sink_objects()
    asked = len(world.backend.archive_requests())
    # when the Workflow runs again on the same sources
    world.wait(workflow_succeeded(world.submit_workflow(chunk_size_mb="1")))
    # then the bucket is as it was, and the archives were asked for metadata alone
    assert world.backend.sink_objects() == before
    again = world.backend.archive_requests()[asked:]
    assert again
    assert sum(request.size_bytes for request in again) < 100_000
