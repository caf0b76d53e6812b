"""Jobs, deployments and replica sets (`pkg/apis/batch/validation`, `pkg/apis/apps/validation`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.validation.causes import (
    forbidden,
    immutable,
    invalid,
    non_negative,
    required,
    unsupported,
)
from harness.cluster.store.validation.names import check_labels
from harness.cluster.store.validation.pods import check_pod_spec
from harness.kube.errors import Cause
from harness.kube.selectors import from_object

_COMPLETION_MODES = ("NonIndexed", "Indexed")
_REPLACEMENT_POLICIES = ("Failed", "TerminatingOrFailed")
_FAILURE_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_STRATEGIES = ("Recreate", "RollingUpdate")
_JOB_FIXED = (
    "selector",
    "template",
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "successPolicy",
    "managedBy",
)


def check_job(job: Mapping[str, Any]) -> list[Cause]:
    """A job: its numbers, its mode, its failure policy, its template."""
    spec = job["spec"]
    causes: list[Cause] = []
    for field in (
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
    ):
        causes += non_negative(f"spec.{field}", spec.get(field))
    mode = spec.get("completionMode")
    if mode not in _COMPLETION_MODES:
        causes.append(unsupported("spec.completionMode", mode, _COMPLETION_MODES))
    if mode == "Indexed" and spec.get("completions") is None:
        causes.append(required("spec.completions", "when completion mode is Indexed"))
    if "backoffLimitPerIndex" in spec and mode != "Indexed":
        causes.append(
            invalid("spec.backoffLimitPerIndex", spec["backoffLimitPerIndex"], "requires indexed completion mode")
        )
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        causes.append(required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    causes += _check_replacement(spec)
    causes += _check_failure_policy(spec)
    causes += _check_template("spec.template", spec.get("template") or {})
    restart = (spec.get("template") or {}).get("spec", {}).get("restartPolicy")
    if restart == "Always":
        causes.append(required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"'))
    elif restart not in {"OnFailure", "Never"}:
        causes.append(unsupported("spec.template.spec.restartPolicy", restart, ("OnFailure", "Never")))
    elif spec.get("podFailurePolicy") is not None and restart != "Never":
        detail = 'only "Never" is supported when podFailurePolicy is specified'
        causes.append(invalid("spec.template.spec.restartPolicy", restart, detail))
    return causes


def check_job_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What of a job may not change: its template (unless it is suspended and has not begun), its selector, its completions."""
    before, after = old["spec"], new["spec"]
    causes: list[Cause] = []
    for field in _JOB_FIXED:
        if field == "template" and _is_template_open(old):
            causes += immutable("spec.template", _rigid(after.get(field)), _rigid(before.get(field)))
        else:
            causes += immutable(f"spec.{field}", after.get(field), before.get(field))
    if after.get("completions") != before.get("completions"):
        elastic = after.get("completionMode") == "Indexed" and after.get("completions") == after.get("parallelism")
        if not elastic or before.get("completions") != before.get("parallelism"):
            causes += immutable("spec.completions", after.get("completions"), before.get("completions"))
    return causes


def check_deployment(deployment: Mapping[str, Any]) -> list[Cause]:
    """A deployment: replicas, selector, strategy, template."""
    spec = deployment["spec"]
    causes = _check_replicated(spec)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") not in _STRATEGIES:
        causes.append(unsupported("spec.strategy", strategy, _STRATEGIES))
    elif strategy["type"] == "Recreate" and strategy.get("rollingUpdate"):
        detail = "may not be specified when strategy `type` is 'Recreate'"
        causes.append(forbidden("spec.strategy.rollingUpdate", detail))
    return causes


def check_replica_set(replica_set: Mapping[str, Any]) -> list[Cause]:
    """A replica set: replicas, selector, template."""
    return _check_replicated(replica_set["spec"])


def check_deployment_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """The selector stays."""
    return immutable("spec.selector", new["spec"].get("selector"), old["spec"].get("selector"))


def _check_replicated(spec: Mapping[str, Any]) -> list[Cause]:
    causes = non_negative("spec.replicas", spec.get("replicas"))
    template = spec.get("template") or {}
    selector = spec.get("selector")
    labels = (template.get("metadata") or {}).get("labels") or {}
    chosen = from_object(selector)
    if selector is None:
        causes.append(required("spec.selector"))
    elif not (selector.get("matchLabels") or selector.get("matchExpressions")):
        causes.append(invalid("spec.selector", selector, "empty selector is invalid for deployment"))
    if chosen is None or not chosen.matches(labels):
        causes.append(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))
    causes += _check_template("spec.template", template)
    restart = (template.get("spec") or {}).get("restartPolicy")
    if restart != "Always":
        causes.append(unsupported("spec.template.spec.restartPolicy", restart, ("Always",)))
    return causes


def _check_template(field: str, template: Mapping[str, Any]) -> list[Cause]:
    labels = (template.get("metadata") or {}).get("labels") or {}
    return check_labels(f"{field}.labels", labels) + check_pod_spec(f"{field}.spec", template.get("spec") or {})


def _check_replacement(spec: Mapping[str, Any]) -> list[Cause]:
    policy = spec.get("podReplacementPolicy")
    supported = ("Failed",) if spec.get("podFailurePolicy") is not None else _REPLACEMENT_POLICIES
    return [] if policy in supported else [unsupported("spec.podReplacementPolicy", policy, supported)]


def _check_failure_policy(spec: Mapping[str, Any]) -> list[Cause]:
    causes: list[Cause] = []
    for position, rule in enumerate((spec.get("podFailurePolicy") or {}).get("rules") or ()):
        field = f"spec.podFailurePolicy.rules[{position}]"
        action = rule.get("action")
        if not action:
            causes.append(required(f"{field}.action", f"valid values: {list(_FAILURE_ACTIONS)}"))
        elif action not in _FAILURE_ACTIONS:
            causes.append(unsupported(f"{field}.action", action, _FAILURE_ACTIONS))
        elif action == "FailIndex" and "backoffLimitPerIndex" not in spec:
            causes.append(invalid(f"{field}.action", action, "requires the backoffLimitPerIndex to be set"))
        if bool(rule.get("onExitCodes")) == bool(rule.get("onPodConditions")):
            detail = "specifying one of OnExitCodes and OnPodConditions is required"
            causes.append(invalid(field, rule, detail))
        elif rule.get("onExitCodes"):
            causes += _check_exit_codes(f"{field}.onExitCodes", rule["onExitCodes"])
    return causes


def _check_exit_codes(field: str, pattern: Mapping[str, Any]) -> list[Cause]:
    operator, values = pattern.get("operator"), pattern.get("values") or ()
    causes = [] if operator in {"In", "NotIn"} else [unsupported(f"{field}.operator", operator, ("In", "NotIn"))]
    if not values:
        causes.append(invalid(f"{field}.values", list(values), "at least one value is required"))
    if operator == "In" and 0 in values:
        causes.append(invalid(f"{field}.values[{list(values).index(0)}]", 0, "must not be 0 for the In operator"))
    return causes


def _is_template_open(job: Mapping[str, Any]) -> bool:
    """Scheduling directives of a suspended job that has not begun may still change (KEP-2926)."""
    return bool(job["spec"].get("suspend")) and not (job.get("status") or {}).get("startTime")


def _rigid(template: Mapping[str, Any] | None) -> Any:
    """The template without its scheduling directives."""
    template = template or {}
    open_fields = {"nodeSelector", "tolerations", "affinity", "schedulingGates"}
    spec = {key: value for key, value in (template.get("spec") or {}).items() if key not in open_fields}
    metadata = {
        key: value for key, value in (template.get("metadata") or {}).items() if key not in {"labels", "annotations"}
    }
    return {**template, "metadata": metadata, "spec": spec}
