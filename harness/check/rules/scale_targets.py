"""An autoscaler whose target does not exist: it reports FailedGetScale for ever and scales nothing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "missing-scale-target"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    there = {(m.namespace, m.kind, m.name) for m in plan.manifests}
    for manifest in plan.manifests:
        target = manifest.spec.get("scaleTargetRef") or manifest.spec.get("targetRef")
        if not isinstance(target, dict) or "name" not in target or manifest.kind.endswith("Policy"):
            continue
        kind, name = str(target.get("kind", "Deployment")), str(target["name"])
        if (manifest.namespace, kind, name) not in there:
            yield Finding(
                manifest.place,
                NAME,
                f"scales the {kind} {name}, which no manifest makes: make it, or remove the autoscaler",
            )
