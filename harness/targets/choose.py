"""The targets by name."""

from __future__ import annotations

from harness.targets.base import Target, TargetUnavailable

NAMES = ("sim", "kind", "aws-dev")


def choose_target(name: str) -> Target:
    """The target called `name`. Raises TargetUnavailable with one sentence when it cannot be used."""
    if name == "sim":
        from harness.targets.sim.target import SimTarget

        return SimTarget()
    if name == "kind":
        from harness.targets.kind.target import KindTarget

        return KindTarget()
    if name in NAMES:
        raise TargetUnavailable(f"target {name} does not exist yet: run with --target=sim, which needs nothing but pip")
    raise TargetUnavailable(f"target {name!r} is unknown: choose one of {', '.join(NAMES)}")
