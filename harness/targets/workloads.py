"""Recorded workloads: the measured profile of a service as a modelled container's life.

Durations and progress are those of the measured run. Its memory is not taken over: that program held whole volumes (FlyEM 1.9 GiB) and would not
survive today's limits, while today's program is bounded by its own tests.
"""

from __future__ import annotations

from fixtures.profiles import load_profile
from harness.cluster.kubelet.runtimes import Checkpoint, FixedProfile
from harness.kube.hooks import ContainerStart

PROFILE = "measured"


def recorded_profile(start: ContainerStart) -> FixedProfile | None:
    """The measured run of the service that the container's image holds; None for a foreign image."""
    if start.image.service is None:
        return None
    measured = load_profile(PROFILE).service(start.image.service)
    return FixedProfile(
        work_key=measured.work_key,
        duration_s=measured.duration_s,
        exit_code=measured.exit_code,
        shutdown_s=measured.shutdown_s,
        checkpoints=tuple(Checkpoint(one.at_s, one.name, one.size_bytes) for one in measured.checkpoints),
    )
