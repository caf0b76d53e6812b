"""What Kubernetes refuses: pure rules from an object (and, for updates, the one before) to the causes of an Invalid error.

Follows `pkg/apis/*/validation` of Kubernetes 1.34 for the fields that matter here, with its texts. A value that upstream prints as a Go struct is printed
as JSON here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.validation.names import check_metadata, check_name
from harness.cluster.store.validation.others import OTHER_RULES, OTHER_UPDATE_RULES
from harness.cluster.store.validation.pods import check_pod, check_pod_update
from harness.cluster.store.validation.workloads import (
    check_deployment,
    check_deployment_update,
    check_job,
    check_job_update,
    check_replica_set,
)
from harness.kube.errors import Cause
from harness.kube.resources import DEPLOYMENTS, JOBS, PODS, REPLICA_SETS, Resource

__all__ = ["check", "check_metadata", "check_name", "check_update"]

_RULES: Mapping[str, Callable[[Mapping[str, Any]], list[Cause]]] = {
    PODS.group_resource: check_pod,
    JOBS.group_resource: check_job,
    DEPLOYMENTS.group_resource: check_deployment,
    REPLICA_SETS.group_resource: check_replica_set,
    **OTHER_RULES,
}
_UPDATE_RULES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], list[Cause]]] = {
    PODS.group_resource: check_pod_update,
    JOBS.group_resource: check_job_update,
    DEPLOYMENTS.group_resource: check_deployment_update,
    REPLICA_SETS.group_resource: check_deployment_update,
    **OTHER_UPDATE_RULES,
}


def check(resource: Resource, obj: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with a new object, metadata aside."""
    rule = _RULES.get(resource.group_resource)
    return rule(obj) if rule is not None else []


def check_update(resource: Resource, new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What is wrong with an object that replaces `old`: its own faults, and changes that are not allowed."""
    rule = _UPDATE_RULES.get(resource.group_resource)
    return check(resource, new) + (rule(new, old) if rule is not None else [])
