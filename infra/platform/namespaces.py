"""Namespaces, and the priority that keeps the platform's own pods on the system pool when something else lands there."""

from __future__ import annotations

from typing import Any

from infra.workloads.pod import NAMESPACE, PART_OF

ARGO_NAMESPACE = "argo"
PRIORITY_CLASS = "em-platform"


def namespaces() -> list[dict[str, Any]]:
    return [_namespace(NAMESPACE), _namespace(ARGO_NAMESPACE)]


def _namespace(name: str) -> dict[str, Any]:
    levels = {"enforce": "baseline", "warn": "restricted"}
    security = {f"pod-security.kubernetes.io/{mode}": level for mode, level in levels.items()}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**PART_OF, **security}}}


def priority_class() -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": PRIORITY_CLASS, "labels": dict(PART_OF)},
        "value": 1_000_000,
        "globalDefault": False,
        "description": "Controllers of the platform: without them nothing else is started.",
    }
