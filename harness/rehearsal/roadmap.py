"""The plan's roadmap as a checklist: each item, and what of a rehearsal decides its state.

An item that this harness does not rehearse yet says so with the reason; it is never counted as passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.report import ItemState, RoadmapItem


@dataclass(frozen=True)
class Finding:
    """The answer of one check of the rehearsal; None: it could not be looked at in this run."""

    passed: bool | None
    because: str


FOUNDATION = "Phase 1: Foundation"
CORE_MIGRATION = "Phase 2: Core Migration"
OPTIMIZATION = "Phase 3: Optimization"
PRODUCTION = "Phase 4: Production Readiness"

# (phase, item as the plan words it, the checks that decide it or why none does)
_ITEMS: tuple[tuple[str, str, tuple[str, ...] | str], ...] = (
    (FOUNDATION, "Set up AWS CDK infrastructure stack", ("provisioned",)),
    (FOUNDATION, "Create ECR repositories for container images", ("images",)),
    (FOUNDATION, "Deploy basic EKS cluster with node groups", ("node_groups",)),
    (FOUNDATION, "Migrate container builds to GitHub Actions", "image builds run in CI, not in the embedded cluster"),
    (CORE_MIGRATION, "Convert Docker Compose to Kubernetes Jobs", ("jobs",)),
    (CORE_MIGRATION, "Implement basic orchestration with dependencies", ("workflow", "overlap")),
    (CORE_MIGRATION, "Set up EFS shared storage and S3 integration", ("datasets", "records")),
    (CORE_MIGRATION, "Deploy monitoring and logging (CloudWatch)", "alarms and log delivery are not modelled yet"),
    (OPTIMIZATION, "Implement auto-scaling policies", ("scaled_up", "scaled_down")),
    (OPTIMIZATION, "Add Argo Workflows for complex orchestration", ("workflow",)),
    (OPTIMIZATION, "Optimize resource allocation and cost management", ("interruption", "bill")),
    (OPTIMIZATION, "Comprehensive integration testing", ("workflow", "datasets", "records", "interruption")),
    (PRODUCTION, "Multi-environment deployment (dev/staging/prod)", "only dev is rendered yet"),
    (PRODUCTION, "Disaster recovery and backup strategies", "backup and restore are not modelled yet"),
    (PRODUCTION, "Security hardening and compliance", "policies are stored, not enforced yet"),
    (PRODUCTION, "Documentation and team training", "a harness cannot rehearse it"),
)


def checklist(findings: Mapping[str, Finding]) -> tuple[RoadmapItem, ...]:
    """The roadmap with the state of every item."""
    return tuple(_item(phase, item, decided_by, findings) for phase, item, decided_by in _ITEMS)


def _item(phase: str, item: str, decided_by: tuple[str, ...] | str, findings: Mapping[str, Finding]) -> RoadmapItem:
    if isinstance(decided_by, str):
        return RoadmapItem(phase, item, "not rehearsed", decided_by)
    decisive = [findings[name] for name in decided_by]
    failed = [finding for finding in decisive if finding.passed is False]
    unseen = [finding for finding in decisive if finding.passed is None]
    because = "; ".join(dict.fromkeys(finding.because for finding in failed or unseen or decisive))
    state: ItemState = "failed" if failed else "not rehearsed" if unseen else "passed"
    return RoadmapItem(phase, item, state, because)
