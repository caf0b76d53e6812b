"""Tables of what makes pods (jobs, deployments and their kin) and of what watches over them (autoscalers, disruption budgets)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import SECOND, parse_time
from harness.cluster.api.tables.columns import (
    NONE,
    UNKNOWN,
    UNSET,
    Column,
    Printer,
    age,
    container_columns,
    dig,
    human_duration,
    label_map,
    label_selector,
    name_column,
    since,
    some,
    wide,
)
from harness.kube.objects import Object, controller_of, is_deleting, is_true, labels_of, name_of
from harness.kube.resources import (
    CONTROLLER_REVISIONS,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    JOBS,
    POD_DISRUPTION_BUDGETS,
    POD_TEMPLATES,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
)

_TEMPLATE_COLUMNS = wide("Containers", "Images", "Selector")
_METRICS_SHOWN = 2


def _parts(obj: Object) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return obj.get("spec") or {}, obj.get("status") or {}


def _template(spec: Mapping[str, Any]) -> tuple[str, str]:
    return container_columns(dig(spec, "template", "spec") or {})


def _job(job: Object, now_us: int) -> list[Any]:
    spec, status = _parts(job)
    done, wanted, parallel = status.get("succeeded", 0), spec.get("completions"), spec.get("parallelism", 0)
    completions = f"{done}/{wanted}"
    if wanted is None:
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    duration = ""
    if status.get("startTime"):
        end_us = parse_time(status["completionTime"]) if status.get("completionTime") else now_us
        duration = human_duration((end_us - parse_time(status["startTime"])) // SECOND)
    state, selector = _job_state(job), label_selector(spec.get("selector"))
    return [name_of(job), state, completions, duration, age(job, now_us), *_template(spec), selector]


def _job_state(job: Object) -> str:
    for kind in ("Complete", "Failed"):
        if is_true(job, kind):
            return kind
    if is_deleting(job):
        return "Terminating"
    return next(
        (kind for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if is_true(job, kind)), "Running"
    )


def _cron_job(cron_job: Object, now_us: int) -> list[Any]:
    spec, status = _parts(cron_job)
    last = status.get("lastScheduleTime")
    job = dig(spec, "jobTemplate", "spec") or {}
    return [
        name_of(cron_job),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or ()),
        since(last, now_us) if last else NONE,
        age(cron_job, now_us),
        *_template(job),
        label_selector(job.get("selector")),
    ]


def _deployment(deployment: Object, now_us: int) -> list[Any]:
    spec, status = _parts(deployment)
    return [
        name_of(deployment),
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(deployment, now_us),
        *_template(spec),
        label_selector(spec.get("selector")),
    ]


def _replicas(obj: Object, now_us: int, selector: str) -> list[Any]:
    spec, status = _parts(obj)
    counts = (spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0))
    return [name_of(obj), *counts, age(obj, now_us), *_template(spec), selector]


def _replica_set(replica_set: Object, now_us: int) -> list[Any]:
    return _replicas(replica_set, now_us, label_selector(dig(replica_set, "spec", "selector")))


def _replication_controller(controller: Object, now_us: int) -> list[Any]:
    return _replicas(controller, now_us, label_map(dig(controller, "spec", "selector")))


def _stateful_set(stateful_set: Object, now_us: int) -> list[Any]:
    spec, status = _parts(stateful_set)
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [name_of(stateful_set), ready, age(stateful_set, now_us), *_template(spec)]


def _daemon_set(daemon_set: Object, now_us: int) -> list[Any]:
    spec, status = _parts(daemon_set)
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    return [
        name_of(daemon_set),
        *(status.get(field, 0) for field in (*counts, "numberAvailable")),
        label_map(dig(spec, "template", "spec", "nodeSelector")),
        age(daemon_set, now_us),
        *_template(spec),
        label_selector(spec.get("selector")),
    ]


def _revision(revision: Object, now_us: int) -> list[Any]:
    owner, controller = controller_of(revision), NONE
    if owner is not None:
        group = str(owner.get("apiVersion", "")).rpartition("/")[0]
        kind = f"{owner['kind']}.{group}" if group else str(owner["kind"])
        controller = f"{kind.lower()}/{owner['name']}"
    return [name_of(revision), controller, revision.get("revision", 0), age(revision, now_us)]


def _pod_template(template: Object, _now_us: int) -> list[Any]:
    inner = template.get("template") or {}
    labels = labels_of({"metadata": inner.get("metadata") or {}})
    return [name_of(template), *container_columns(inner.get("spec") or {}), label_map(labels)]


def _budget(budget: Object, now_us: int) -> list[Any]:
    spec = budget.get("spec") or {}
    return [
        name_of(budget),
        str(spec["minAvailable"]) if "minAvailable" in spec else "N/A",
        str(spec["maxUnavailable"]) if "maxUnavailable" in spec else "N/A",
        dig(budget, "status", "disruptionsAllowed") or 0,
        age(budget, now_us),
    ]


def _autoscaler(autoscaler: Object, now_us: int) -> list[Any]:
    spec, status = _parts(autoscaler)
    target = spec.get("scaleTargetRef") or {}
    return [
        name_of(autoscaler),
        f"{target.get('kind')}/{target.get('name')}",
        _metrics(spec.get("metrics") or (), status.get("currentMetrics") or ()),
        str(spec["minReplicas"]) if spec.get("minReplicas") is not None else UNSET,
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        age(autoscaler, now_us),
    ]


def _metrics(wanted: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> str:
    """TARGETS (`formatHPAMetrics`): current/target of each metric."""
    if not wanted:
        return NONE
    texts = [_metric(metric, found[place] if place < len(found) else {}) for place, metric in enumerate(wanted)]
    return some(texts, _METRICS_SHOWN, ", ")


def _metric(metric: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    kind = str(metric.get("type", ""))
    part = kind[:1].lower() + kind[1:]
    source, current = metric.get(part), dig(status, part, "current") or {}
    if source is None:
        return "<unknown type>"
    target = source.get("target") or {}
    average = "averageValue" in target
    if part in {"resource", "containerResource"}:
        if average:
            return f"{source['name']}: {_text(current, 'averageValue')}/{target['averageValue']}"
        utilization = target.get("averageUtilization")
        wanted = "<auto>" if utilization is None else f"{utilization}%"
        used = current.get("averageUtilization")
        return f"{source['name']}: {UNKNOWN if used is None else f'{used}%'}/{wanted}"
    if part == "pods":
        return f"{_text(current, 'averageValue')}/{target.get('averageValue')}"
    if average:
        return f"{_text(current, 'averageValue')}/{target['averageValue']} (avg)"
    return f"{_text(current, 'value')}/{target.get('value')}"


def _text(current: Mapping[str, Any], field: str) -> str:
    value = current.get(field)
    return UNKNOWN if value is None else str(value)


def _integers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "integer") for name in names)


_REPLICAS = (name_column(), *_integers("Desired", "Current", "Ready"), Column("Age"), *_TEMPLATE_COLUMNS)
WORKLOADS: Mapping[str, Printer] = {
    JOBS.group_resource: Printer(
        (name_column(), *map(Column, ("Status", "Completions", "Duration", "Age")), *_TEMPLATE_COLUMNS), _job
    ),
    CRON_JOBS.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Schedule", "Timezone")),
            Column("Suspend", "boolean"),
            Column("Active", "integer"),
            *map(Column, ("Last Schedule", "Age")),
            *_TEMPLATE_COLUMNS,
        ),
        _cron_job,
    ),
    DEPLOYMENTS.group_resource: Printer(
        (name_column(), *map(Column, ("Ready", "Up-to-date", "Available", "Age")), *_TEMPLATE_COLUMNS), _deployment
    ),
    REPLICA_SETS.group_resource: Printer(_REPLICAS, _replica_set),
    REPLICATION_CONTROLLERS.group_resource: Printer(_REPLICAS, _replication_controller),
    STATEFUL_SETS.group_resource: Printer(
        (name_column(), *map(Column, ("Ready", "Age")), *wide("Containers", "Images")), _stateful_set
    ),
    DAEMON_SETS.group_resource: Printer(
        (
            name_column(),
            *_integers("Desired", "Current", "Ready", "Up-to-date", "Available"),
            *map(Column, ("Node Selector", "Age")),
            *_TEMPLATE_COLUMNS,
        ),
        _daemon_set,
    ),
    CONTROLLER_REVISIONS.group_resource: Printer(
        (name_column(), *map(Column, ("Controller", "Revision", "Age"))), _revision
    ),
    POD_TEMPLATES.group_resource: Printer(
        (name_column(), *map(Column, ("Containers", "Images", "Pod Labels"))), _pod_template
    ),
    HORIZONTAL_POD_AUTOSCALERS.group_resource: Printer(
        (name_column(), *map(Column, ("Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"))), _autoscaler
    ),
    POD_DISRUPTION_BUDGETS.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Min Available", "Max Unavailable")),
            Column("Allowed Disruptions", "integer"),
            Column("Age"),
        ),
        _budget,
    ),
}
