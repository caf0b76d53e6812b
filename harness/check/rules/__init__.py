"""The rules, one module each: `NAME` as docs/check.md lists it and `check(plan, as_of)`, which yields what is wrong.

A rule is silent about what the plan does not hold: without node groups nothing is said of placement, without CI nothing of its steps.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.rules import (
    annual_savings,
    background_tasks,
    bucket_names,
    ci_buckets,
    ci_clusters,
    ci_options,
    ci_scripts,
    ended_services,
    fixed_workflow_names,
    kubernetes_versions,
    mixed_capacity,
    node_group_labels,
    parameters,
    pod_placement,
    properties,
    requests_fit,
    rollouts,
    scale_targets,
    selectors,
    shared_code,
    static_keys,
    unset_variables,
    volumes,
    workflow_templates,
)

Check = Callable[[Plan, datetime.date], Iterable[Finding]]


@dataclass(frozen=True)
class Rule:
    """A name, as findings carry it, and the function."""

    name: str
    check: Check


RULES: tuple[Rule, ...] = (
    Rule(node_group_labels.NAME, node_group_labels.check),
    Rule(pod_placement.NAME, pod_placement.check),
    Rule(requests_fit.NAME, requests_fit.check),
    Rule(mixed_capacity.NAME, mixed_capacity.check),
    Rule(kubernetes_versions.NAME, kubernetes_versions.check),
    Rule(ended_services.NAME, ended_services.check),
    Rule(properties.NAME, properties.check),
    Rule(bucket_names.NAME, bucket_names.check),
    Rule(background_tasks.NAME, background_tasks.check),
    Rule(workflow_templates.NAME, workflow_templates.check),
    Rule(parameters.NAME, parameters.check),
    Rule(fixed_workflow_names.NAME, fixed_workflow_names.check),
    Rule(volumes.NAME, volumes.check),
    Rule(scale_targets.NAME, scale_targets.check),
    Rule(selectors.NAME, selectors.check),
    Rule(rollouts.NAME, rollouts.check),
    Rule(ci_buckets.NAME, ci_buckets.check),
    Rule(ci_clusters.NAME, ci_clusters.check),
    Rule(ci_scripts.NAME, ci_scripts.check),
    Rule(ci_options.NAME, ci_options.check),
    Rule(unset_variables.NAME, unset_variables.check),
    Rule(static_keys.NAME, static_keys.check),
    Rule(shared_code.NAME, shared_code.check),
    Rule(annual_savings.NAME, annual_savings.check),
)


def findings(plan: Plan, as_of: datetime.date) -> list[Finding]:
    """Everything that any rule finds, each once, sorted by place."""
    return sorted({finding for rule in RULES for finding in rule.check(plan, as_of)})
