"""Scheduler agreement: random clusters and pods, decided by a real kube-scheduler once and by the embedded one at every test.

`cases` draws them from a seed, `record` has a real control plane decide and reads scores out of kube-scheduler's verbose log (`log`), `recording` is
the file that is committed, `agree` lets the embedded scheduler decide the same and compares.

python -m harness.fidelity.scheduling record --kubernetes DIR [--cases N] [--seed S] [--output FILE] python -m harness.fidelity.scheduling compare
[FILE]
"""

from harness.fidelity.scheduling.agree import Agreement, compare
from harness.fidelity.scheduling.recording import Case, Decision, Group, Recorded, load, save

__all__ = ["Agreement", "Case", "Decision", "Group", "Recorded", "compare", "load", "save"]
