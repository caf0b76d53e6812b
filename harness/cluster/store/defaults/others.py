"""Defaults of the small kinds: namespaces, services, secrets, storage, RBAC, priority, networks, webhooks."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.defaults.autoscaling import default_autoscaler
from harness.cluster.store.defaults.volumes import default_sources
from harness.kube.resources import (
    API_SERVICES,
    CLUSTER_ROLE_BINDINGS,
    CSI_DRIVERS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESS_CLASSES,
    LIMIT_RANGES,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    NAMESPACES,
    NETWORK_POLICIES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PRIORITY_CLASSES,
    ROLE_BINDINGS,
    SECRETS,
    SERVICES,
    STORAGE_CLASSES,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
)

Draft = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"


def _namespace(namespace: Draft) -> None:
    namespace["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = namespace["metadata"].get("name")
    namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


def _service(service: Draft) -> None:
    spec = service.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    affinity = spec.setdefault("sessionAffinity", "None")
    if affinity == "None":
        spec.pop("sessionAffinityConfig", None)
    elif affinity == "ClientIP":
        client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        if client.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in {None, 0, ""}:
            port["targetPort"] = port.get("port")
    if spec["type"] in {"NodePort", "LoadBalancer"} or (spec["type"] == "ClusterIP" and spec.get("externalIPs")):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        # The service registry's, of a cluster with IPv4 only: a headless service without selector may have endpoints of both families.
        both = spec.get("clusterIP") == "None" and not spec.get("selector")
        spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if both else ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "RequireDualStack" if both else "SingleStack")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def _endpoints(endpoints: Draft) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _limit_range(limit_range: Draft) -> None:
    for item in limit_range.setdefault("spec", {}).get("limits") or ():
        if item.get("type") != "Container":
            continue
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        request = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
        item.update({name: amounts for name, amounts in (("default", default), ("defaultRequest", request)) if amounts})


def _node(node: Draft) -> None:
    status = node.get("status") or {}
    if status.get("capacity") and not status.get("allocatable"):
        status["allocatable"] = dict(status["capacity"])


def _secret(secret: Draft) -> None:
    secret.setdefault("type", "Opaque")
    texts = secret.pop("stringData", None) or {}
    if texts:
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}


def _volume(volume: Draft) -> None:
    spec = volume.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    default_sources(spec)


def _claim(claim: Draft) -> None:
    spec = claim.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    for key in ("dataSource", "dataSourceRef"):
        source = spec.get(key)
        if source is not None and not (source.get("kind") or source.get("name")):
            del spec[key]  # an empty reference is none
    if spec.get("dataSource") is not None:
        spec.setdefault("dataSourceRef", dict(spec["dataSource"]))
    elif spec.get("dataSourceRef") is not None and not spec["dataSourceRef"].get("namespace"):
        spec["dataSource"] = {"apiGroup": None, **spec["dataSourceRef"]}


def _storage_class(storage_class: Draft) -> None:
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")


def _csi_driver(driver: Draft) -> None:
    spec = driver.setdefault("spec", {})
    spec.setdefault("attachRequired", True)
    spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    spec.setdefault("podInfoOnMount", False)
    spec.setdefault("requiresRepublish", False)
    spec.setdefault("seLinuxMount", False)
    spec.setdefault("storageCapacity", False)
    spec.setdefault("volumeLifecycleModes", ["Persistent"])


def _priority_class(priority_class: Draft) -> None:
    priority_class.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _binding(binding: Draft) -> None:
    reference = binding.get("roleRef")
    if reference is not None:
        reference["apiGroup"] = reference.get("apiGroup") or _RBAC
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            subject["apiGroup"] = subject.get("apiGroup") or _RBAC


def _endpoint_slice(endpoint_slice: Draft) -> None:
    for port in endpoint_slice.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def _network_policy(policy: Draft) -> None:
    spec = policy.setdefault("spec", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _ingress_class(ingress_class: Draft) -> None:
    parameters = ingress_class.setdefault("spec", {}).get("parameters")
    if parameters is not None:
        parameters["scope"] = parameters.get("scope") or "Cluster"


def _webhooks(configuration: Draft) -> None:
    for webhook in configuration.get("webhooks") or ():
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        if configuration["kind"] == "MutatingWebhookConfiguration":
            webhook.setdefault("reinvocationPolicy", "Never")
        for rule in webhook.get("rules") or ():
            rule.setdefault("scope", "*")
        service = (webhook.get("clientConfig") or {}).get("service")
        if service is not None:
            service.setdefault("port", 443)


def _api_service(api_service: Draft) -> None:
    service = (api_service.get("spec") or {}).get("service")
    if service is not None:
        service.setdefault("port", 443)


OTHERS: Mapping[str, Callable[[Draft], None]] = {
    NAMESPACES.group_resource: _namespace,
    SERVICES.group_resource: _service,
    SECRETS.group_resource: _secret,
    PERSISTENT_VOLUMES.group_resource: _volume,
    PERSISTENT_VOLUME_CLAIMS.group_resource: _claim,
    STORAGE_CLASSES.group_resource: _storage_class,
    CSI_DRIVERS.group_resource: _csi_driver,
    PRIORITY_CLASSES.group_resource: _priority_class,
    ROLE_BINDINGS.group_resource: _binding,
    CLUSTER_ROLE_BINDINGS.group_resource: _binding,
    ENDPOINTS.group_resource: _endpoints,
    LIMIT_RANGES.group_resource: _limit_range,
    NODES.group_resource: _node,
    ENDPOINT_SLICES.group_resource: _endpoint_slice,
    NETWORK_POLICIES.group_resource: _network_policy,
    INGRESS_CLASSES.group_resource: _ingress_class,
    MUTATING_WEBHOOK_CONFIGURATIONS.group_resource: _webhooks,
    VALIDATING_WEBHOOK_CONFIGURATIONS.group_resource: _webhooks,
    API_SERVICES.group_resource: _api_service,
    HORIZONTAL_POD_AUTOSCALERS.group_resource: default_autoscaler,
}
