"""Whether the indexes that have succeeded are enough for a Job's successPolicy (`pkg/controller/job/success_policy.go`, 1.34)."""

from __future__ import annotations

from harness.cluster.controllers.job.indexes import completions_of, parse
from harness.kube.objects import Object


def met(job: Object, succeeded: frozenset[int]) -> str | None:
    """The message of the first rule that is fulfilled, or None."""
    for number, rule in enumerate((job["spec"].get("successPolicy") or {}).get("rules") or ()):
        counted, wanted = succeeded, rule.get("succeededCount")
        if rule.get("succeededIndexes"):
            named = parse(rule["succeededIndexes"], completions_of(job))
            counted = succeeded & named
            wanted = len(named) if wanted is None else wanted
        if wanted is not None and len(counted) >= wanted:
            return f"Matched rules at index {number}"
    return None
