"""Jobs, deployments and replica sets (`pkg/apis/batch/validation`, `pkg/apis/apps/validation`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.store.validation.causes import (
    duplicate,
    forbidden,
    immutable,
    invalid,
    non_negative,
    required,
    unsupported,
)
from harness.cluster.store.validation.names import check_labels
from harness.cluster.store.validation.pods import check_pod_spec
from harness.cluster.store.validation.values import int_or_percent, selector_faults
from harness.kube.errors import Cause
from harness.kube.names import qualified_name_faults
from harness.kube.selectors import from_object

_COMPLETION_MODES = ("NonIndexed", "Indexed")
_REPLACEMENT_POLICIES = ("Failed", "TerminatingOrFailed")
_FAILURE_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_INDEXED_MAX = 100_000
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


def check_job(job: Mapping[str, Any], *, template: bool = False) -> list[Cause]:
    """A job: its numbers, its mode, its failure policy, its template. With `template` the job that a cron job will make."""
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
    if mode not in _COMPLETION_MODES and not (template and mode is None):
        causes.append(unsupported("spec.completionMode", mode, _COMPLETION_MODES))
    if mode == "Indexed" and spec.get("completions") is None:
        causes.append(required("spec.completions", "when completion mode is Indexed"))
    if "backoffLimitPerIndex" in spec and mode != "Indexed":
        causes.append(
            invalid("spec.backoffLimitPerIndex", spec["backoffLimitPerIndex"], "requires indexed completion mode")
        )
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        causes.append(required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    if not (template and spec.get("podReplacementPolicy") is None):
        causes += _check_replacement(spec)
    if not template:
        causes += _check_job_selector(job["metadata"], spec)
    elif spec.get("selector") is not None:
        causes.append(invalid("spec.selector", spec["selector"], "`selector` will be auto-generated"))
    causes += _check_failure_policy(spec) + _check_success_policy(spec) + _check_indexes(spec)
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
    faults = selector_faults("spec.selector", spec.get("selector"))
    if faults:
        return [*faults, invalid("spec.selector", spec["selector"], "invalid label selector")]
    causes = _check_replicated(spec)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") not in _STRATEGIES:
        causes.append(unsupported("spec.strategy", strategy, _STRATEGIES))
    elif strategy["type"] == "Recreate" and strategy.get("rollingUpdate"):
        detail = "may not be specified when strategy `type` is 'Recreate'"
        causes.append(forbidden("spec.strategy.rollingUpdate", detail))
    elif strategy["type"] == "RollingUpdate":
        causes += _check_rolling(strategy.get("rollingUpdate") or {})
    ready, deadline = spec.get("minReadySeconds", 0), spec.get("progressDeadlineSeconds")
    causes += non_negative("spec.minReadySeconds", ready)
    causes += non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    if deadline is not None:
        causes += non_negative("spec.progressDeadlineSeconds", deadline)
        if deadline <= ready:
            causes.append(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
    return causes


def _check_rolling(rolling: Mapping[str, Any]) -> list[Cause]:
    field = "spec.strategy.rollingUpdate"
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    causes = int_or_percent(f"{field}.maxUnavailable", unavailable)
    causes += int_or_percent(f"{field}.maxSurge", surge, most_percent=None)
    if unavailable in {0, "0%"} and surge in {0, "0%"}:
        causes.append(invalid(f"{field}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
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
    causes += check_pods_of(spec)
    return causes


def check_pods_of(spec: Mapping[str, Any]) -> list[Cause]:
    """The template of pods that run for ever."""
    template = spec.get("template") or {}
    causes = _check_template("spec.template", template)
    restart = (template.get("spec") or {}).get("restartPolicy")
    if restart != "Always":
        causes.append(unsupported("spec.template.spec.restartPolicy", restart, ("Always",)))
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        detail = "activeDeadlineSeconds in ReplicaSet is not Supported"
        causes.append(forbidden("spec.template.spec.activeDeadlineSeconds", detail))
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
            causes.append(Cause(field, "FieldValueInvalid", f"Invalid value: {detail}"))
        elif rule.get("onExitCodes"):
            causes += _check_exit_codes(f"{field}.onExitCodes", rule["onExitCodes"], _container_names(spec))
        else:
            for number, pattern in enumerate(rule["onPodConditions"]):
                causes += _check_condition(f"{field}.onPodConditions[{number}]", pattern)
    return causes


def _check_job_selector(metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> list[Cause]:
    selector = spec.get("selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    causes: list[Cause] = []
    if selector is None:
        causes.append(required("spec.selector"))
    elif not spec.get("manualSelector"):
        wanted = {"batch.kubernetes.io/controller-uid": metadata.get("uid")}
        if selector.get("matchExpressions") or selector.get("matchLabels") != wanted:
            causes.append(invalid("spec.selector", selector, "`selector` not auto-generated"))
    chosen = from_object(selector)
    if chosen is None or not chosen.matches(labels or {}):
        causes.append(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))
    return causes


def _check_indexes(spec: Mapping[str, Any]) -> list[Cause]:
    causes: list[Cause] = []
    if spec.get("completionMode") == "Indexed":
        parallelism = spec.get("parallelism")
        if parallelism is not None and parallelism > _INDEXED_MAX:
            detail = f"must be less than or equal to {_INDEXED_MAX} when completion mode is Indexed"
            causes.append(invalid("spec.parallelism", parallelism, detail))
        failed, completions = spec.get("maxFailedIndexes"), spec.get("completions")
        if failed is not None and completions is not None and failed > completions:
            causes.append(invalid("spec.maxFailedIndexes", failed, "must be less than or equal to completions"))
    manager = spec.get("managedBy")
    if manager is not None and "/" not in manager:
        detail = 'must be a domain-prefixed path (such as "acme.io/foo")'
        causes.append(invalid("spec.managedBy", manager, detail))
    return causes


def _check_success_policy(spec: Mapping[str, Any]) -> list[Cause]:
    policy = spec.get("successPolicy")
    if policy is None:
        return []
    if spec.get("completionMode") != "Indexed":
        return [invalid("spec.successPolicy", policy, "requires indexed completion mode")]
    field = "spec.successPolicy.rules"
    if not policy.get("rules"):
        detail = "at least one rules must be specified when the successPolicy is specified"
        return [required(field, detail)]
    causes: list[Cause] = []
    for position, rule in enumerate(policy["rules"]):
        here = f"{field}[{position}]"
        if rule.get("succeededCount") is None and rule.get("succeededIndexes") is None:
            detail = "at least one of succeededCount or succeededIndexes must be specified"
            causes.append(required(here, detail))
        indexes = rule.get("succeededIndexes")
        if indexes is not None and (fault := _indexes_fault(indexes, int(spec.get("completions") or 0))):
            detail = f"error parsing succeededIndexes: {fault}"
            causes.append(invalid(f"{here}.succeededIndexes", indexes, detail))
    return causes


def _indexes_fault(text: str, completions: int) -> str:
    """What is wrong with `1,3-5`, in upstream's words."""
    last = -1
    for part in text.split(","):
        for number in part.split("-"):
            if not number.isdigit():
                return f'cannot convert string to integer for index: "{number}"'
            if int(number) >= completions:
                return f'too large index: "{number}"'
            if int(number) <= last:
                return f"non-increasing order, previous: {last}, current: {number}"
            last = int(number)
    return ""


def _check_exit_codes(field: str, pattern: Mapping[str, Any], names: Sequence[str]) -> list[Cause]:
    operator, values = pattern.get("operator"), list(pattern.get("values") or ())
    causes = [] if operator in {"In", "NotIn"} else [unsupported(f"{field}.operator", operator, ("In", "NotIn"))]
    container = pattern.get("containerName")
    if container is not None and container not in names:
        detail = "must be one of the container or initContainer names in the pod template"
        causes.append(invalid(f"{field}.containerName", container, detail))
    if not values:
        causes.append(invalid(f"{field}.values", values, "at least one value is required"))
    for position, value in enumerate(values):
        if value in values[:position]:
            causes.append(duplicate(f"{field}.values[{position}]", value))
        elif operator == "In" and value == 0:
            causes.append(invalid(f"{field}.values[{position}]", 0, "must not be 0 for the In operator"))
    if values != sorted(values):
        causes.append(invalid(f"{field}.values", values, "must be ordered"))
    return causes


def _check_condition(field: str, pattern: Mapping[str, Any]) -> list[Cause]:
    kind, status = str(pattern.get("type", "")), pattern.get("status")
    causes = [invalid(f"{field}.type", kind, fault) for fault in qualified_name_faults(kind)]
    if status not in {"False", "True", "Unknown"}:
        causes.append(unsupported(f"{field}.status", status, ("False", "True", "Unknown")))
    return causes


def _container_names(spec: Mapping[str, Any]) -> list[str]:
    pod = (spec.get("template") or {}).get("spec") or {}
    return [str(entry.get("name")) for part in ("containers", "initContainers") for entry in pod.get(part) or ()]


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
