"""What one object uses of a quota (`pkg/quota/v1/evaluator/core`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.clock import SECOND, parse_time
from harness.cluster.quota.amounts import limits_of, requests_of
from harness.kube.quantity import parse
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES, Resource

Usage = dict[str, str]
CLASS_SUFFIX = ".storageclass.storage.k8s.io/"
_BARE_COUNTS = frozenset({"configmaps", "resourcequotas", "replicationcontrollers", "secrets"})
_NATIVE = ("cpu", "memory", "ephemeral-storage")


def usage_of(resource: Resource, obj: Mapping[str, Any], now_us: int) -> Usage:
    """Every quota resource that the object counts for, with how much."""
    special = _SPECIAL.get(resource.group_resource)
    if special is not None:
        return special(obj, now_us)
    usage = {f"count/{resource.group_resource}": "1"}
    if resource.group_resource in _BARE_COUNTS:
        usage[resource.plural] = "1"
    return usage


def pod_usage(pod: Mapping[str, Any], now_us: int) -> Usage:
    """A pod; one that has ended, or whose grace is over, counts as an object only."""
    usage = {"count/pods": "1"}
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"} or _is_over(pod, now_us):
        return usage
    return {**usage, **compute_usage(requests_of(pod["spec"]), limits_of(pod["spec"]))}


def compute_usage(requests: Mapping[str, Any], limits: Mapping[str, Any]) -> Usage:
    """Requests and limits under the names that quotas have for them."""
    usage: Usage = {"pods": "1"}
    for name in _NATIVE:
        if name in requests:
            usage[name] = usage[f"requests.{name}"] = requests[name]
        if name in limits:
            usage[f"limits.{name}"] = limits[name]
    for name, amount in requests.items():
        if name.startswith("hugepages-"):
            usage[name] = usage[f"requests.{name}"] = amount
        elif "/" in name and not name.partition("/")[0].endswith("kubernetes.io"):
            usage[f"requests.{name}"] = amount
    return usage


def _is_over(pod: Mapping[str, Any], now_us: int) -> bool:
    metadata = pod["metadata"]
    stamp, grace_s = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
    if stamp is None or grace_s is None:
        return False
    return now_us > parse_time(stamp) + int(grace_s) * SECOND


def _claim_usage(claim: Mapping[str, Any], _now_us: int) -> Usage:
    spec = claim.get("spec") or {}
    usage = {"count/persistentvolumeclaims": "1", "persistentvolumeclaims": "1"}
    annotations = claim["metadata"].get("annotations") or {}
    storage_class = annotations.get("volume.beta.kubernetes.io/storage-class") or spec.get("storageClassName")
    if storage_class:
        usage[f"{storage_class}{CLASS_SUFFIX}persistentvolumeclaims"] = "1"
    wanted = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if wanted is not None:
        allocated = ((claim.get("status") or {}).get("allocatedResources") or {}).get("storage")
        if allocated is not None and parse(allocated) > parse(wanted):
            wanted = allocated
        usage["requests.storage"] = wanted
        if storage_class:
            usage[f"{storage_class}{CLASS_SUFFIX}requests.storage"] = wanted
    return usage


def _service_usage(service: Mapping[str, Any], _now_us: int) -> Usage:
    spec = service.get("spec") or {}
    ports = spec.get("ports") or ()
    balanced = spec.get("type") == "LoadBalancer"
    numbered = len(ports) if spec.get("type") in {"NodePort", "LoadBalancer"} else 0
    if balanced and spec.get("allocateLoadBalancerNodePorts") is False:
        numbered = sum(bool(port.get("nodePort")) for port in ports)
    return {
        "count/services": "1",
        "services": "1",
        "services.loadbalancers": str(int(balanced)),
        "services.nodeports": str(numbered),
    }


_SPECIAL: Mapping[str, Callable[[Mapping[str, Any], int], Usage]] = {
    PODS.group_resource: pod_usage,
    PERSISTENT_VOLUME_CLAIMS.group_resource: _claim_usage,
    SERVICES.group_resource: _service_usage,
}
