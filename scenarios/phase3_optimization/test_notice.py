"""Phase 3: a spot notice at its real length: two minutes in which a machine that nobody needs any more still runs."""

from __future__ import annotations

import pytest

from harness.faults import OnKnock, ReclaimSpot
from harness.plugin import OpenWorld
from harness.world.conditions import job_complete, node_gone
from harness.world.world import NAMESPACE

pytestmark = [pytest.mark.phase(3), pytest.mark.needs("real_processes", "spot_market"), pytest.mark.slow]

NOTICE_S = 120


def test_a_reclaimed_machine_is_drained_at_the_notice_and_ends_two_minutes_later(open_world: OpenWorld) -> None:
    # given a loader on a spot instance, in a world that shortens nothing, when the instance is reclaimed in the middle of its shards
    world = open_world(shorter=1.0)
    world.deploy()
    pods = f"{NAMESPACE}/flyem-*"
    world.inject(ReclaimSpot(pods, notice_s=NOTICE_S), OnKnock("PutObject", pod=pods, target="*/s0/c/*", count=2))
    world.wait(job_complete(world.run_job("flyem", ZARR_CHUNK_SIZE_MB="1")))
    # then the pod went at the notice and another one finished the work, bit for bit
    (notice,) = world.timeline.of_kind("SpotInterruptionWarning")
    node = str(notice.details["node"])
    gone = next(r for r in world.timeline.of_kind("PodGone", "PodFailed") if r.details.get("node") == node)
    assert notice.at_us <= gone.at_us < notice.at_us + NOTICE_S * 1_000_000
    (dataset,) = world.datasets(compare=True)
    assert dataset.difference is None
    # and the machine lived to the end of the notice, not longer
    world.wait(node_gone(node), timeout_s=600)
    instance = notice.subject
    (ended,) = [record for record in world.timeline.of_kind("InstanceShuttingDown") if record.subject == instance]
    assert NOTICE_S <= (ended.at_us - notice.at_us) / 1e6 < NOTICE_S + 5
