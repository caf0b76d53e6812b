"""A service account a service (its AWS role comes from a Pod Identity association in the identity stack) and what Argo's executor may do as it."""

from __future__ import annotations

from typing import Any

from infra.services import SERVICES
from infra.workloads.pod import NAMESPACE, PART_OF, labels

EXECUTOR_ROLE = "workflow-executor"


def objects() -> list[dict[str, Any]]:
    accounts = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": service.name, "namespace": NAMESPACE, "labels": labels(service)},
        }
        for service in SERVICES
    ]
    return [*accounts, _role(), _binding()]


def _role() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": EXECUTOR_ROLE, "namespace": NAMESPACE, "labels": dict(PART_OF)},
        "rules": [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}],
    }


def _binding() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": EXECUTOR_ROLE, "namespace": NAMESPACE, "labels": dict(PART_OF)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": EXECUTOR_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": service.name, "namespace": NAMESPACE} for service in SERVICES],
    }
