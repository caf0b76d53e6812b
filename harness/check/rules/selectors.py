"""A Service or a PodDisruptionBudget that selects no pod of the plan: traffic goes nowhere, nothing is protected."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.manifests import Manifest
from harness.check.model import Plan
from harness.kube.selectors import Selector, from_labels, from_object

NAME = "selects-no-pod"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for manifest in plan.of_kind("Service", "PodDisruptionBudget"):
        selector = _selector(manifest)
        if selector is None or not selector.requirements:
            continue
        if not any(pod.namespace == manifest.namespace and selector.matches(pod.labels) for pod in plan.pods):
            wanted = ", ".join(f"{r.key} {r.operator} {','.join(r.values)}" for r in selector.requirements)
            yield Finding(
                manifest.place,
                NAME,
                f"selects {wanted}, which no pod of its namespace is labelled with: correct the labels",
            )


def _selector(manifest: Manifest) -> Selector | None:
    selector = manifest.spec.get("selector")
    if selector is None:
        return None
    return from_labels(selector) if manifest.kind == "Service" else from_object(selector)
