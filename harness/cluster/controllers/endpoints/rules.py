"""Which pods stand behind a service, and how (`k8s.io/endpointslice/{reconciler,utils}.go`, `pkg/controller/endpoint`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.controllers.pods import is_ready, is_terminal
from harness.kube.objects import Object, is_deleting, labels_of, name_of, namespace_of, uid_of

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
HEADLESS = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
_ZONE_LABEL = "topology.kubernetes.io/zone"


def is_handled(service: Object) -> bool:
    """Whether the controllers follow a service: it selects, and is no alias of a name outside."""
    return bool(service["spec"].get("selector")) and service["spec"].get("type") != "ExternalName"


def belongs(pod: Object, *, terminating: bool) -> bool:
    """Whether a pod is an endpoint: it has an address and has not ended; one that goes away only if asked for."""
    if is_terminal(pod) or not (pod.get("status") or {}).get("podIP"):
        return False
    return terminating or not is_deleting(pod)


def addresses_of(pod: Object) -> list[str]:
    """The IPv4 addresses of a pod."""
    status = pod.get("status") or {}
    found = [str(entry["ip"]) for entry in status.get("podIPs") or ()] or [str(status["podIP"])]
    return [address for address in found if ":" not in address][:1]


def ports_of(service: Object, pod: Object) -> list[dict[str, Any]]:
    """The service's ports as this pod offers them; one whose name the pod does not know is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = _target_port(port, pod)
        if number is None:
            continue
        entry: dict[str, Any] = {
            "name": str(port.get("name") or ""),
            "port": number,
            "protocol": str(port.get("protocol") or "TCP"),
        }
        if port.get("appProtocol"):
            entry["appProtocol"] = port["appProtocol"]
        found.append(entry)
    return sorted(found, key=lambda entry: (entry["name"], entry["port"], entry["protocol"]))


def _target_port(port: Mapping[str, Any], pod: Object) -> int | None:
    target = port.get("targetPort")
    if isinstance(target, int) and target:
        return target
    if not target:
        return int(port["port"])
    spec = pod["spec"]
    sidecars = [entry for entry in spec.get("initContainers") or () if entry.get("restartPolicy") == "Always"]
    for container in (*spec["containers"], *sidecars):
        for offered in container.get("ports") or ():
            if offered.get("name") == target and (offered.get("protocol") or "TCP") == (port.get("protocol") or "TCP"):
                return int(offered["containerPort"])
    return None


def zone_of(node: Object | None) -> str | None:
    """The zone of a node that is known and says it."""
    return None if node is None else labels_of(node).get(_ZONE_LABEL)


def endpoint_of(service: Object, pod: Object, zone: str | None) -> dict[str, Any]:
    """The endpoint of a pod with its conditions."""
    serving, terminating = is_ready(pod), is_deleting(pod)
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating)
    endpoint: dict[str, Any] = {
        "addresses": addresses_of(pod),
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": target_of(pod),
    }
    if pod["spec"].get("nodeName"):
        endpoint["nodeName"] = pod["spec"]["nodeName"]
    if zone is not None:
        endpoint["zone"] = zone
    if has_hostname(service, pod):
        endpoint["hostname"] = pod["spec"]["hostname"]
    return endpoint


def target_of(pod: Object) -> dict[str, Any]:
    """The reference to a pod."""
    return {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}


def has_hostname(service: Object, pod: Object) -> bool:
    """Whether the pod has a name of its own below the service."""
    return bool(pod["spec"].get("hostname")) and pod["spec"].get("subdomain") == name_of(service)


def labels_for(service: Object, managed: Mapping[str, str]) -> dict[str, str]:
    """The service's labels with those of the controller."""
    labels = {
        key: value for key, value in labels_of(service).items() if key not in (SERVICE_NAME, MANAGED_BY, HEADLESS)
    }
    if service["spec"].get("clusterIP") == "None":
        labels[HEADLESS] = ""
    return {**labels, **managed}


def changed_at(pod: Object) -> str:
    """When a pod's readiness last changed; empty when that is not known."""
    for entry in (pod.get("status") or {}).get("conditions") or ():
        if entry.get("type") == "Ready":
            return str(entry.get("lastTransitionTime") or "")
    return ""
