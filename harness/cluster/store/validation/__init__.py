"""What Kubernetes refuses: pure rules from an object (and, for updates, the one before) to the causes of an Invalid error.

Follows `pkg/apis/*/validation` of Kubernetes 1.34 for the fields that matter here, with its texts. A value that upstream prints as a Go struct is printed
as JSON here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.validation.apiservices import API_SERVICE_RULES
from harness.cluster.store.validation.autoscaling import check_autoscaler
from harness.cluster.store.validation.cronjobs import check_cron_job
from harness.cluster.store.validation.endpoints import ENDPOINT_RULES
from harness.cluster.store.validation.names import check_metadata, check_name
from harness.cluster.store.validation.network import NETWORK_RULES
from harness.cluster.store.validation.nodes import NODE_RULES
from harness.cluster.store.validation.others import OTHER_RULES, OTHER_UPDATE_RULES
from harness.cluster.store.validation.pods import check_pod, check_pod_update
from harness.cluster.store.validation.policies import POLICY_RULES, POLICY_UPDATE_RULES
from harness.cluster.store.validation.services import check_service, check_service_update
from harness.cluster.store.validation.sets import (
    check_daemon_set,
    check_daemon_set_update,
    check_stateful_set,
    check_stateful_set_update,
)
from harness.cluster.store.validation.storage import STORAGE_RULES, STORAGE_UPDATE_RULES
from harness.cluster.store.validation.webhooks import WEBHOOK_RULES
from harness.cluster.store.validation.workloads import (
    check_deployment,
    check_deployment_update,
    check_job,
    check_job_update,
    check_replica_set,
)
from harness.kube.errors import Cause
from harness.kube.resources import (
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    JOBS,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
    Resource,
)

__all__ = ["check", "check_metadata", "check_name", "check_update"]

_RULES: Mapping[str, Callable[[Mapping[str, Any]], list[Cause]]] = {
    PODS.group_resource: check_pod,
    JOBS.group_resource: check_job,
    DEPLOYMENTS.group_resource: check_deployment,
    REPLICA_SETS.group_resource: check_replica_set,
    STATEFUL_SETS.group_resource: check_stateful_set,
    DAEMON_SETS.group_resource: check_daemon_set,
    CRON_JOBS.group_resource: check_cron_job,
    HORIZONTAL_POD_AUTOSCALERS.group_resource: check_autoscaler,
    **OTHER_RULES,
    SERVICES.group_resource: check_service,
    **API_SERVICE_RULES,
    **ENDPOINT_RULES,
    **NETWORK_RULES,
    **NODE_RULES,
    **WEBHOOK_RULES,
    **STORAGE_RULES,
    **POLICY_RULES,
}
_UPDATE_RULES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], list[Cause]]] = {
    PODS.group_resource: check_pod_update,
    JOBS.group_resource: check_job_update,
    DEPLOYMENTS.group_resource: check_deployment_update,
    REPLICA_SETS.group_resource: check_deployment_update,
    STATEFUL_SETS.group_resource: check_stateful_set_update,
    DAEMON_SETS.group_resource: check_daemon_set_update,
    SERVICES.group_resource: check_service_update,
    **OTHER_UPDATE_RULES,
    **STORAGE_UPDATE_RULES,
    **POLICY_UPDATE_RULES,
}


_CHANGES_FIRST = frozenset({DAEMON_SETS})
"""Kinds of which upstream looks at the changes before it looks at the object itself."""


def check(resource: Resource, obj: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with a new object, metadata aside."""
    rule = _RULES.get(resource.group_resource)
    return rule(obj) if rule is not None else []


def check_update(resource: Resource, new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with an object that replaces `old`: its own faults, and changes that are not allowed."""
    rule = _UPDATE_RULES.get(resource.group_resource)
    changes = rule(new, old) if rule is not None else []
    own = check(resource, new)
    return changes + own if resource in _CHANGES_FIRST else own + changes
