"""What Kubernetes fills in when an object leaves it open.

Follows `pkg/apis/*/v1/defaults.go` of Kubernetes 1.34 for the kinds that exist here. A default changes the draft in place and never overrides a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.defaults.others import OTHERS
from harness.cluster.store.defaults.pods import default_pod, default_pod_spec
from harness.cluster.store.defaults.workloads import WORKLOADS
from harness.kube.qos import qos_class
from harness.kube.resources import PODS, Resource

__all__ = ["default", "default_pod_spec", "qos_class"]

Draft = dict[str, Any]
_DEFAULTS: Mapping[str, Callable[[Draft], None]] = {PODS.group_resource: default_pod, **WORKLOADS, **OTHERS}


def default(resource: Resource, draft: Draft) -> None:
    """Fill in what `draft` leaves open."""
    rule = _DEFAULTS.get(resource.group_resource)
    if rule is not None:
        rule(draft)
