"""The cluster IPs and node ports that the service registry gives (`pkg/registry/core/service`): drawn in order, never twice while they are used."""

from __future__ import annotations

from typing import Any

from harness.kube.client import Reader
from harness.kube.objects import Object
from harness.kube.resources import SERVICES

Draft = dict[str, Any]
_PORTS = range(30000, 32768)


class Addresses:
    """What has been given; whether it is free again is looked up."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._given = 0
        self._port = 0

    def allocate(self, service: Draft) -> None:
        """Fill in what a new or changed service leaves open."""
        spec = service["spec"]
        if spec["type"] == "ExternalName":
            return
        if not spec.get("clusterIP"):
            spec["clusterIP"] = (spec.get("clusterIPs") or [None])[0] or self._next_address()
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        if spec["type"] == "NodePort" or (
            spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)
        ):
            for port in spec.get("ports") or ():
                if not port.get("nodePort"):
                    port["nodePort"] = self._next_port(spec)

    def _next_address(self) -> str:
        used = {service["spec"].get("clusterIP") for service in self._reader.list(SERVICES)}
        while True:
            self._given += 1
            address = f"172.20.{self._given // 254 % 256}.{self._given % 254 + 1}"
            if address not in used:
                return address

    def _next_port(self, spec: Draft) -> int:
        used = {port.get("nodePort") for service in self._reader.list(SERVICES) for port in _ports(service)}
        used |= {port.get("nodePort") for port in spec.get("ports") or ()}
        for _ in _PORTS:
            port = _PORTS[self._port % len(_PORTS)]
            self._port += 1
            if port not in used:
                return port
        return 0


def _ports(service: Object) -> list[Draft]:
    return list((service.get("spec") or {}).get("ports") or ())
