"""Durations that vary from machine to machine: read from the facts, drawn from seeded generators."""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass
from typing import Any

from fixtures.facts import document
from harness.clock import SECOND

_LOGNORMAL = re.compile(r"lognormal, median ([\d.]+), p95 ([\d.]+)")
_Z95 = 1.6448536269514722


@dataclass(frozen=True)
class Lognormal:
    """A positive duration by its median and its 95th percentile."""

    median_s: float
    p95_s: float

    def draw_us(self, stream: random.Random) -> int:
        """One duration."""
        sigma = math.log(self.p95_s / self.median_s) / _Z95
        return round(stream.lognormvariate(math.log(self.median_s), sigma) * SECOND)


@dataclass(frozen=True)
class Uniform:
    """A duration between two bounds."""

    low_s: float
    high_s: float

    def draw_us(self, stream: random.Random) -> int:
        """One duration."""
        return round(stream.uniform(self.low_s, self.high_s) * SECOND)


@dataclass(frozen=True)
class BootTimes:
    """How long an instance of a managed node group takes from the scaling activity to Ready."""

    launch_delay: Uniform
    boot_to_registered: Lognormal
    registered_to_ready: Lognormal
    running_share: float  # of boot_to_registered that is over when EC2 says running


def boot_times() -> BootTimes:
    """The model of eks.yaml, `timing.suggested_model`; the share is that of the record of 2022-12 (12 s of 39 s)."""
    timing = document("eks")["timing"]
    model = timing["suggested_model"]
    record: dict[str, Any] = timing["node_ready_seconds"][0]
    low_s, high_s = model["asg_launch_delay_s"]
    return BootTimes(
        launch_delay=Uniform(low_s, high_s),
        boot_to_registered=_lognormal(model["boot_to_registered_s"]),
        registered_to_ready=_lognormal(model["registered_to_ready_s"]),
        running_share=record["vm_initialized"] / record["registered"],
    )


def _lognormal(text: str) -> Lognormal:
    match = _LOGNORMAL.match(text)
    if match is None:
        raise ValueError(f"fixtures/facts/eks.yaml: {text!r} is not `lognormal, median M, p95 P`")
    return Lognormal(float(match.group(1)), float(match.group(2)))
