"""Which pods stand behind a service, and how (`k8s.io/endpointslice/{reconciler,utils}.go`, `pkg/controller/endpoint`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.cluster.controllers.pods import is_ready, is_terminal
from harness.kube.client import Reader
from harness.kube.objects import Object, is_deleting, key_of, labels_of, name_of, namespace_of, uid_of
from harness.kube.resources import PODS, SERVICES
from harness.kube.selectors import from_labels

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
HEADLESS = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
_ZONE_LABEL = "topology.kubernetes.io/zone"
_INDEX = "selector-pair"


def index_services(reader: Reader) -> None:
    """Make `services_of` quick: a service is found under one pair of its selector."""
    reader.add_index(SERVICES, _INDEX, _first_pair)


def _first_pair(service: Object) -> Iterable[str]:
    selector: Mapping[str, str] = service["spec"].get("selector") or {}
    pairs = sorted(f"{namespace_of(service)}/{key}={value}" for key, value in selector.items())
    return pairs[:1]


def services_of(reader: Reader, pod: Object) -> Iterable[str]:
    """The keys of the services that select a pod."""
    labels = labels_of(pod)
    for key, value in labels.items():
        for service in reader.by_index(SERVICES, _INDEX, f"{namespace_of(pod)}/{key}={value}"):
            if all(labels.get(name) == wanted for name, wanted in service["spec"]["selector"].items()):
                yield key_of(service)


def pods_behind(reader: Reader, service: Object) -> Sequence[Object]:
    """The pods that the service selects."""
    return reader.list(PODS, namespace_of(service), from_labels(service["spec"]["selector"]))


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


def endpoint_of(service: Object, pod: Object, node: Object | None) -> dict[str, Any]:
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
    if node is not None and _ZONE_LABEL in labels_of(node):
        endpoint["zone"] = labels_of(node)[_ZONE_LABEL]
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


class TriggerTimes:
    """Since when the endpoints of a service are out of date (`TriggerTimeTracker`): the earliest change that the last sync did not know."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}

    def compute(self, service: Object, pods: Iterable[Object]) -> str | None:
        """The annotation's value; None when nothing that has a time changed."""
        before = self._known.get(key_of(service))
        now = {"": str(service["metadata"]["creationTimestamp"])}
        for pod in pods:
            now[name_of(pod)] = _changed_at(pod)
        self._known[key_of(service)] = now
        if before is None:
            moments = [moment for name, moment in now.items() if moment and name] or [now[""]]
            return max(moments)
        changed = [moment for name, moment in now.items() if moment and before.get(name) != moment]
        return min(changed, default=None)

    def forget(self, key: str) -> None:
        """The service is gone."""
        self._known.pop(key, None)


def _changed_at(pod: Object) -> str:
    for entry in (pod.get("status") or {}).get("conditions") or ():
        if entry.get("type") == "Ready":
            return str(entry.get("lastTransitionTime") or "")
    return ""
