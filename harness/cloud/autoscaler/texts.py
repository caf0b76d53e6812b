"""What Cluster Autoscaler says in events, in upstream's words (`processors/status/eventing_scale_up_processor.go`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

MAX_SIZE_REACHED = "max node group size reached"
IN_BACKOFF = "in backoff after failed scale-up"


def triggered(asg_name: str, before: int, after: int, max_size: int) -> str:
    """On a pod that made a group grow."""
    return f"pod triggered scale-up: [{{{asg_name} {before}->{after} (max: {max_size})}}]"


def not_triggered(reasons: Iterable[str]) -> str:
    """On a pod that no group helps; `reasons` has one entry a group and reason."""
    counts = Counter(reasons)
    return "pod didn't trigger scale-up: " + ", ".join(f"{counts[reason]} {reason}" for reason in sorted(counts))
