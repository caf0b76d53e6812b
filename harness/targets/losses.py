"""Lost work: the time between a pod's last commit and its end, when its machine was taken."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import SECOND, Record

_ENDS = {"PodFailed", "PodGone"}


class LossLedger:
    """Remembers when each pod last committed something (a shard, a checkpoint)."""

    def __init__(self) -> None:
        self._commits: dict[str, list[int]] = {}

    def committed(self, party: str, at_us: int) -> None:
        """A container (`namespace/pod/container/restart`) has stored something for good."""
        self._commits.setdefault(party.rsplit("/", 2)[0], []).append(at_us)

    def lost_s(self, pod: str, node: str, records: Sequence[Record]) -> float:
        """Seconds of work that the end of `pod` (`namespace/name`) on `node` undid; zero while it has not ended, or when it succeeded."""
        subject = f"Pod/{pod}"
        begun_us = ended_us = None
        commits = list(self._commits.get(pod, ()))
        for record in records:
            if record.subject == subject and record.details.get("node") == node:
                if record.kind == "PodRunning":
                    begun_us = record.at_us
                elif record.kind == "PodSucceeded":
                    return 0.0
                elif record.kind in _ENDS and begun_us is not None and ended_us is None:
                    ended_us = record.at_us
            elif record.kind == "CheckpointPassed" and str(record.details.get("container", "")).startswith(f"{pod}/"):
                commits.append(record.at_us)
        if begun_us is None or ended_us is None:
            return 0.0
        last_us = max((commit for commit in commits if begun_us <= commit <= ended_us), default=begun_us)
        return (ended_us - last_us) / SECOND
