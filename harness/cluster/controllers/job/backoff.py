"""When a Job may start the next pod after failures (`pkg/controller/job/backoff_utils.go`, 1.34).

The delay is 10 s * 2^(n-1) for n failures since the last success, at most 10 minutes, counted from the end of the latest failure. Pods that fail together all
count, so a Job with parallelism 2 starts at 20 s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.clock import MINUTE, SECOND
from harness.cluster.controllers.pods import finish_time_us
from harness.kube.objects import Object

FIRST_US = 10 * SECOND
LAST_US = 10 * MINUTE


def delay_us(failures: int) -> int:
    """The delay after so many failures in a row."""
    return 0 if failures <= 0 else min(FIRST_US << min(failures - 1, 16), LAST_US)


def remaining_us(failures: int, last_failure_us: int, now_us: int) -> int:
    """What is left of the delay."""
    return max(last_failure_us + delay_us(failures) - now_us, 0) if failures else 0


@dataclass(frozen=True)
class BackoffRecord:
    """Failures of a Job since its last success."""

    failures: int = 0
    last_failure_us: int = 0

    def after(self, succeeded: Iterable[Object], failed: Iterable[Object]) -> BackoffRecord:
        """The record once these newly ended pods are taken into account."""
        successes = [finish_time_us(pod) for pod in succeeded]
        failures = [finish_time_us(pod) for pod in failed]
        if not successes:
            return BackoffRecord(self.failures + len(failures), max(failures)) if failures else self
        since = [moment for moment in failures if moment >= max(successes)]
        return BackoffRecord(len(since), max(since, default=0))

    def remaining_us(self, now_us: int) -> int:
        """How long the next pod has to wait."""
        return remaining_us(self.failures, self.last_failure_us, now_us)
