"""Cluster Autoscaler 1.36 on the system pool.

It finds the Auto Scaling groups by the two tags that EKS puts on those of managed node groups, and the labels and taints of an empty group through
eks:DescribeNodegroup (its role has it), so no node-template tags are needed. Rules follow the upstream AWS example of auto-discovery.
"""

from __future__ import annotations

from typing import Any

from infra.environments import Environment
from infra.node_pools import Requests
from infra.outputs import Output
from infra.platform.namespaces import PRIORITY_CLASS

IMAGE = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.36.1"
NAME = "cluster-autoscaler"
NAMESPACE = "kube-system"
REQUESTS = Requests(cpu_m=100, memory_mi=600)
_LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "em-pipeline"}


def flags() -> list[str]:
    """Every flag that the timing or the choice of a pool depends on, also where it is the default."""
    enabled = "k8s.io/cluster-autoscaler/enabled"
    owned = f"k8s.io/cluster-autoscaler/{Output.CLUSTER_NAME.placeholder}"
    return [
        "--cloud-provider=aws",
        f"--cluster-name={Output.CLUSTER_NAME.placeholder}",
        f"--namespace={NAMESPACE}",
        f"--node-group-auto-discovery=asg:tag={enabled},{owned}",
        "--expander=least-waste",
        "--scan-interval=10s",
        "--max-node-provision-time=15m",
        "--scale-down-delay-after-add=5m",
        "--scale-down-delay-after-failure=3m",
        "--scale-down-unneeded-time=5m",
        "--scale-down-utilization-threshold=0.5",
        "--max-graceful-termination-sec=120",
        "--skip-nodes-with-local-storage=false",
        "--skip-nodes-with-system-pods=true",
        "--balance-similar-node-groups=false",
    ]


def objects(environment: Environment) -> list[dict[str, Any]]:
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _namespaced()},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": NAME, "labels": dict(_LABELS)},
            "rules": _cluster_rules(),
        },
        _binding("ClusterRole", {"name": NAME, "labels": dict(_LABELS)}),
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": _namespaced(),
            "rules": [
                _rule("", ["configmaps"], ["create", "list", "watch"]),
                {
                    **_rule("", ["configmaps"], ["delete", "get", "update", "watch"]),
                    "resourceNames": ["cluster-autoscaler-status"],
                },
            ],
        },
        _binding("Role", _namespaced()),
        _deployment(environment),
    ]


def _namespaced() -> dict[str, Any]:
    return {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)}


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _cluster_rules() -> list[dict[str, Any]]:
    reads = ["get", "list", "watch"]
    return [
        _rule("", ["events"], ["create", "patch"]),
        _rule("", ["pods/eviction"], ["create"]),
        _rule("", ["pods/status"], ["update"]),
        _rule("", ["nodes"], [*reads, "update"]),
        _rule(
            "",
            ["namespaces", "pods", "services", "replicationcontrollers", "persistentvolumeclaims", "persistentvolumes"],
            reads,
        ),
        _rule("apps", ["daemonsets", "replicasets", "statefulsets"], reads),
        _rule("batch", ["jobs"], [*reads, "patch"]),
        _rule("policy", ["poddisruptionbudgets"], reads),
        _rule(
            "storage.k8s.io",
            ["csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments"],
            reads,
        ),
        _rule("resource.k8s.io", ["deviceclasses", "resourceclaims", "resourceslices"], reads),
        _rule("coordination.k8s.io", ["leases"], ["create"]),
        {**_rule("coordination.k8s.io", ["leases"], ["get", "update"]), "resourceNames": [NAME]},
    ]


def _binding(role_kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{role_kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }


def _deployment(environment: Environment) -> dict[str, Any]:
    memory = f"{REQUESTS.memory_mi}Mi"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _namespaced(),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app.kubernetes.io/name": NAME}},
            "template": {
                "metadata": {"labels": dict(_LABELS)},
                "spec": {
                    "serviceAccountName": NAME,
                    "priorityClassName": PRIORITY_CLASS,
                    **environment.pool("system").placement,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65534,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": NAME,
                            "image": IMAGE,
                            "command": ["./cluster-autoscaler", *flags()],
                            "env": [{"name": "AWS_REGION", "value": environment.region}],
                            "resources": {
                                "requests": {"cpu": f"{REQUESTS.cpu_m}m", "memory": memory},
                                "limits": {"memory": memory},
                            },
                            "ports": [{"name": "metrics", "containerPort": 8085}],
                            "livenessProbe": {
                                "httpGet": {"path": "/health-check", "port": 8085},
                                "initialDelaySeconds": 600,
                                "periodSeconds": 60,
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]},
                                "readOnlyRootFilesystem": True,
                            },
                        }
                    ],
                },
            },
        },
    }
