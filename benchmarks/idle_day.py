"""An idle day and the measured run on the embedded cluster: wall time, and for the day the ratio to what the kernel alone takes for it.

The limit of the day is the bare kernel that jumps over 24 hours with one timer: a cluster in which nothing happens should cost little more.
`python -m benchmarks.idle_day`
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from harness.clock import DAY, SECOND, Kernel
from harness.targets.base import Settings
from harness.targets.choose import choose_target
from harness.targets.project import find_project
from harness.world.conditions import deployment_available, workflow_succeeded
from harness.world.world import World

ROUNDS = 5
LIMIT_S = 1.0


def wall_s(action: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    action()
    return time.perf_counter() - began_s


def bare_day_s() -> float:
    """Seconds of the wall for a day of a kernel that has nothing but one timer."""
    kernel = Kernel(0)
    kernel.start()

    def day() -> None:
        end_us = kernel.now + DAY
        kernel.call(lambda: kernel.at(end_us, lambda: None))
        kernel.wait(lambda: kernel.now >= end_us, DAY + SECOND)

    try:
        return statistics.median(wall_s(day) for _ in range(ROUNDS))
    finally:
        kernel.close()


def opened() -> World:
    settings = Settings(environment="dev", seed=7, scale=1.0, workload="recorded")
    world = World(choose_target("sim").open(find_project("dev"), settings))
    world.deploy()
    for key in ("kube-system/cluster-autoscaler", "argo/workflow-controller"):
        world.wait(deployment_available(key), timeout_s=1800)
    return world


def measure() -> int:
    with opened() as world:
        world.advance(3600)
        before = len(world.timeline)
        idle_s = statistics.median(wall_s(lambda: world.advance(24 * 3600)) for _ in range(ROUNDS))
        written = len(world.timeline) - before
        begun_us = world.now_us
        run_s = wall_s(lambda: world.wait(workflow_succeeded(world.submit_workflow())))
        minutes = (world.now_us - begun_us) / 60 / SECOND
    limit_s = bare_day_s()
    print(
        f"idle day      {idle_s * 1e3:.2f} ms, bare kernel {limit_s * 1e3:.2f} ms, ratio {idle_s / limit_s:.1f}, {written} events"
    )
    print(f"measured run  {run_s:.2f} s for {minutes:.1f} min of the cluster's time, limit {LIMIT_S:g} s")
    return 1 if written or run_s >= LIMIT_S else 0


if __name__ == "__main__":
    sys.exit(measure())
