"""Ingresses, network policies, endpoint slices (`pkg/apis/{networking,discovery}/validation`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.validation.causes import invalid, required
from harness.cluster.store.validation.values import cidr, one_of, port_or_name, selector_faults
from harness.kube.errors import Cause
from harness.kube.names import subdomain_faults
from harness.kube.resources import INGRESSES, NETWORK_POLICIES

Checked = Mapping[str, Any]
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def _ingress(ingress: Checked) -> list[Cause]:
    spec = ingress.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        return [invalid("spec", None, "either `defaultBackend` or `rules` must be specified")]
    causes: list[Cause] = []
    if spec.get("defaultBackend"):
        causes += _backend("spec.defaultBackend", spec["defaultBackend"])
    for position, rule in enumerate(spec.get("rules") or ()):
        here, host = f"spec.rules[{position}]", rule.get("host", "")
        if host:
            bare = host.removeprefix("*.")
            causes += [invalid(f"{here}.host", host, fault) for fault in subdomain_faults(bare)]
        http = rule.get("http")
        if http is None:
            continue
        if not http.get("paths"):
            causes.append(required(f"{here}.http.paths"))
        for number, path in enumerate(http.get("paths") or ()):
            causes += _path(f"{here}.http.paths[{number}]", path)
    return causes


def _path(field: str, path: Checked) -> list[Cause]:
    kind, text = path.get("pathType"), path.get("path", "")
    if kind is None:
        return [required(f"{field}.pathType", "pathType must be specified")]
    causes = one_of(f"{field}.pathType", kind, _PATH_TYPES)
    if not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        causes.append(invalid(f"{field}.path", text, "must be an absolute path"))
    return causes + _backend(f"{field}.backend", path.get("backend") or {})


def _backend(field: str, backend: Checked) -> list[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is None and resource is None:
        return [required(field, "resource or service backend is required")]
    if service is None:
        return []
    if resource is not None:
        return [invalid(field, "", "cannot set both resource and service backends")]
    if not service.get("name"):
        return [required(f"{field}.service.name")]
    port = service.get("port") or {}
    if not port.get("name") and not port.get("number"):
        return [required(field, "port name or number is required")]
    return []


def _network_policy(policy: Checked) -> list[Cause]:
    spec = policy.get("spec") or {}
    causes = selector_faults("spec.podSelector", spec.get("podSelector"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for position, rule in enumerate(spec.get(direction) or ()):
            here = f"spec.{direction}[{position}]"
            for number, port in enumerate(rule.get("ports") or ()):
                if port.get("port") is not None:
                    causes += port_or_name(f"{here}.ports[{number}].port", port["port"])
                causes += one_of(f"{here}.ports[{number}].protocol", port.get("protocol"), ("TCP", "UDP", "SCTP"))
            for number, peer in enumerate(rule.get(peers) or ()):
                causes += _peer(f"{here}.{peers}[{number}]", peer)
    for position, kind in enumerate(spec.get("policyTypes") or ()):
        causes += one_of(f"spec.policyTypes[{position}]", kind, ("Ingress", "Egress"))
    return causes


def _peer(field: str, peer: Checked) -> list[Cause]:
    if not peer:
        return [required(field, "must specify a peer")]
    causes = selector_faults(f"{field}.podSelector", peer.get("podSelector"))
    causes += selector_faults(f"{field}.namespaceSelector", peer.get("namespaceSelector"))
    if "ipBlock" in peer:
        causes += cidr(f"{field}.ipBlock.cidr", str(peer["ipBlock"].get("cidr", "")))
    return causes


NETWORK_RULES: Mapping[str, Callable[[Checked], list[Cause]]] = {
    INGRESSES.group_resource: _ingress,
    NETWORK_POLICIES.group_resource: _network_policy,
}
