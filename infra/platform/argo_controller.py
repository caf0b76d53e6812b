"""Argo's workflow controller 4.1.2 on the system pool, in charge of the workloads' namespace only.

A managed-namespace install: the controller's own namespace holds its configuration and lease, its rights over workflows and pods end at the
namespace of the pipeline. It needs no AWS role.
"""

from __future__ import annotations

from typing import Any

from infra.environments import Environment
from infra.node_pools import Requests
from infra.platform.namespaces import ARGO_NAMESPACE, PRIORITY_CLASS
from infra.workloads.pod import NAMESPACE
from infra.yaml_text import plain_yaml

ARGO_VERSION = "v4.1.2"
IMAGE = f"quay.io/argoproj/workflow-controller:{ARGO_VERSION}"
EXECUTOR_IMAGE = f"quay.io/argoproj/argoexec:{ARGO_VERSION}"
NAME = "workflow-controller"
CONFIG_MAP = "workflow-controller-configmap"
REQUESTS = Requests(cpu_m=100, memory_mi=256)
EXECUTOR_REQUESTS = Requests(cpu_m=50, memory_mi=64)
_LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "em-pipeline"}
_NO_PRIVILEGES = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}


def objects(environment: Environment) -> list[dict[str, Any]]:
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(NAME)},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(CONFIG_MAP),
            "data": {"executor": plain_yaml(_executor())},
        },
        _role(ARGO_NAMESPACE, _own_rules()),
        _binding(ARGO_NAMESPACE),
        _role(NAMESPACE, _managed_rules()),
        _binding(NAMESPACE),
        _deployment(environment),
    ]


def _metadata(name: str, namespace: str = ARGO_NAMESPACE) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "labels": dict(_LABELS)}


def _executor() -> dict[str, Any]:
    """The container fields of Argo's own containers in every task pod; without requests they would not be counted when a pod is placed."""
    return {
        "resources": {
            "requests": {"cpu": f"{EXECUTOR_REQUESTS.cpu_m}m", "memory": f"{EXECUTOR_REQUESTS.memory_mi}Mi"},
            "limits": {"memory": "256Mi"},
        },
        "securityContext": _NO_PRIVILEGES,
    }


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _own_rules() -> list[dict[str, Any]]:
    return [
        _rule("", ["configmaps"], ["get", "list", "watch"]),
        _rule("", ["events"], ["create", "patch"]),
        _rule("coordination.k8s.io", ["leases"], ["create", "get", "update"]),
    ]


def _managed_rules() -> list[dict[str, Any]]:
    reads = ["get", "list", "watch"]
    writes = ["create", "update", "patch", "delete"]
    return [
        _rule("", ["pods"], [*reads, *writes]),
        _rule("", ["pods/exec"], ["create"]),
        _rule("", ["configmaps"], reads),
        _rule("", ["serviceaccounts"], ["get", "list"]),
        _rule(
            "", ["persistentvolumeclaims", "persistentvolumeclaims/finalizers"], ["create", "update", "delete", "get"]
        ),
        _rule("", ["events"], ["create", "patch"]),
        _rule("policy", ["poddisruptionbudgets"], ["create", "get", "delete"]),
        _rule(
            "argoproj.io",
            [
                "workflows",
                "workflows/finalizers",
                "workflowtasksets",
                "workflowtasksets/finalizers",
                "workflowtasksets/status",
                "workflowartifactgctasks",
                "cronworkflows",
                "cronworkflows/finalizers",
            ],
            [*reads, *writes],
        ),
        _rule("argoproj.io", ["workflowtemplates", "workflowtemplates/finalizers"], reads),
        _rule("argoproj.io", ["workflowtaskresults"], ["list", "watch", "deletecollection"]),
    ]


def _role(namespace: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": _metadata(NAME, namespace),
        "rules": rules,
    }


def _binding(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(NAME, namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": ARGO_NAMESPACE}],
    }


def _deployment(environment: Environment) -> dict[str, Any]:
    memory = f"{REQUESTS.memory_mi}Mi"
    identity = {"name": "LEADER_ELECTION_IDENTITY", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(NAME),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "template": {
                "metadata": {"labels": dict(_LABELS)},
                "spec": {
                    "serviceAccountName": NAME,
                    "priorityClassName": PRIORITY_CLASS,
                    **environment.pool("system").placement,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [
                        {
                            "name": NAME,
                            "image": IMAGE,
                            "command": ["workflow-controller"],
                            "args": [
                                f"--configmap={CONFIG_MAP}",
                                f"--executor-image={EXECUTOR_IMAGE}",
                                "--namespaced",
                                f"--managed-namespace={NAMESPACE}",
                            ],
                            "env": [identity],
                            "ports": [
                                {"name": "metrics", "containerPort": 9090},
                                {"name": "healthz", "containerPort": 6060},
                            ],
                            "livenessProbe": {
                                "httpGet": {"path": "/healthz", "port": 6060},
                                "failureThreshold": 3,
                                "initialDelaySeconds": 90,
                                "periodSeconds": 60,
                                "timeoutSeconds": 30,
                            },
                            "resources": {
                                "requests": {"cpu": f"{REQUESTS.cpu_m}m", "memory": memory},
                                "limits": {"memory": memory},
                            },
                            "securityContext": {**_NO_PRIVILEGES, "readOnlyRootFilesystem": True},
                        }
                    ],
                },
            },
        },
    }
