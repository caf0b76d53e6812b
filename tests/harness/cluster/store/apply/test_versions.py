"""An apply in a version that is not the stored one conflicts with entries of the stored one, as on a 1.34 server."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.store import Store
from harness.cluster.store.apply import ApplyConflict
from harness.kube.resources import HORIZONTAL_POD_AUTOSCALERS, HORIZONTAL_POD_AUTOSCALERS_V1, Resource

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}
CPU = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}


def config(resource: Resource, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": "p"},
        "spec": {"scaleTargetRef": TARGET, **spec},
    }


def apply(store: Store, manager: str, resource: Resource, *, force: bool = False, **spec: Any) -> dict[str, bytes]:
    store.apply(resource, "default", "p", config(resource, **spec), manager=manager, force=force)
    stored = store.stored(HORIZONTAL_POD_AUTOSCALERS, "default", "p")
    assert stored is not None
    return {manager.name: entry.encoded for manager, entry in stored.managed().items()}


def test_given_a_metric_of_v2_then_a_utilization_of_v1_conflicts_with_it(store: Store) -> None:
    metrics = [{"type": "Resource", "resource": CPU}]
    apply(store, "two", HORIZONTAL_POD_AUTOSCALERS, minReplicas=1, maxReplicas=5, metrics=metrics)
    apply(store, "one", HORIZONTAL_POD_AUTOSCALERS_V1, maxReplicas=5, targetCPUUtilizationPercentage=50)
    with pytest.raises(ApplyConflict) as refused:
        apply(store, "one", HORIZONTAL_POD_AUTOSCALERS_V1, maxReplicas=6, targetCPUUtilizationPercentage=60)
    assert str(refused.value) == (
        'Apply failed with 2 conflicts: conflicts with "two":\n- .spec.maxReplicas\n- .spec.metrics'
    )
    owners = apply(
        store, "one", HORIZONTAL_POD_AUTOSCALERS_V1, force=True, maxReplicas=6, targetCPUUtilizationPercentage=60
    )
    assert owners == {
        "one": b'{"f:spec":{"f:maxReplicas":{},"f:scaleTargetRef":{},"f:targetCPUUtilizationPercentage":{}}}',
        "two": b'{"f:spec":{"f:minReplicas":{},"f:scaleTargetRef":{"f:apiVersion":{},"f:kind":{},"f:name":{}}}}',
    }
