"""PodMetrics and NodeMetrics as metrics-server writes them (metrics.k8s.io/v1beta1). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import SECOND
from harness.kube.amounts import canonical
from harness.kube.metrics import Usage
from harness.kube.objects import Object, labels_of, name_of, namespace_of

API_VERSION = "metrics.k8s.io/v1beta1"


def amounts_of(usage: Usage) -> dict[str, str]:
    """A measured usage as metrics-server prints it: nanocores and bytes in their canonical forms."""
    return {"cpu": str(canonical(f"{usage.cpu_nanocores}n")), "memory": str(canonical(_binary(usage.memory_bytes)))}


def pod_metrics(pod: Object, usage: Mapping[str, Mapping[str, str]], timestamp: str, window_us: int) -> dict[str, Any]:
    """`usage` by container, in the order of their names."""
    metadata: dict[str, Any] = {
        "name": name_of(pod),
        "namespace": namespace_of(pod),
        "creationTimestamp": timestamp,
        "labels": dict(labels_of(pod)),
    }
    return {
        "kind": "PodMetrics",
        "apiVersion": API_VERSION,
        "metadata": metadata,
        "timestamp": timestamp,
        "window": go_duration(window_us),
        "containers": [{"name": name, "usage": dict(amounts)} for name, amounts in sorted(usage.items())],
    }


def node_metrics(
    name: str, labels: Mapping[str, str], usage: Mapping[str, str], timestamp: str, window_us: int
) -> dict[str, Any]:
    """What a whole node uses."""
    return {
        "kind": "NodeMetrics",
        "apiVersion": API_VERSION,
        "metadata": {"name": name, "creationTimestamp": timestamp, "labels": dict(labels)},
        "timestamp": timestamp,
        "window": go_duration(window_us),
        "usage": dict(usage),
    }


def go_duration(duration_us: int) -> str:
    """As Go prints a duration: `15s`, `1m0s`, `12.5s`."""
    minutes, rest_us = divmod(duration_us, 60 * SECOND)
    seconds = f"{rest_us / SECOND:.6f}".rstrip("0").rstrip(".")
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _binary(amount: int) -> str:
    """Bytes as a binary quantity; below 1 Ki, and where nothing divides, plain."""
    return f"{amount // 1024}Ki" if amount % 1024 == 0 and amount else str(amount)
