"""When a transfer is tried again, and how long it waits before.

A policy is a value. What may be tried again is decided by the type of the error (`TransientTransferError`), never by its text. The waits
are exact powers: no jitter, so that a run is a function of its inputs; a server that names its own wait (Retry-After) is obeyed up to the
cap. The wait is `time.sleep` in the calling thread: a signal handler that raises ends it at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.transfer.errors import TransientTransferError

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    attempts: int = 5
    base_s: float = 1.0
    factor: float = 2.0
    cap_s: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"RetryPolicy.attempts: {self.attempts} tries nothing, give at least 1")
        if self.base_s < 0 or self.cap_s < 0 or self.factor < 1:
            raise ValueError(f"RetryPolicy: waits must not be negative nor shrink: {self}")

    def wait_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """How long to wait after that many failures in a row (1 = the first)."""
        # The exponent is bounded because a float power overflows long after the cap was reached.
        grown = self.base_s * self.factor ** min(failures - 1, 64)
        return min(self.cap_s, max(grown, retry_after_s or 0.0))

    def call(self, operation: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
        """The operation's result; its last transient error, marked with the attempts made, when none succeeded."""
        failures = 0
        while True:
            try:
                return operation()
            except TransientTransferError as error:
                failures += 1
                if failures >= self.attempts:
                    error.attempts = failures
                    raise
                wait_s = self.wait_s(failures, error.retry_after_s)
                log.warning(
                    "transfer failed, trying again",
                    extra={"place": error.place, "reason": error.reason, "attempt": failures, "wait_s": wait_s},
                )
            sleep(wait_s)
