"""What scheduling asks of a pod, worked out once: requests, ports, tolerations, selectors and its equivalence class.

Requests follow kubernetes `staging/src/k8s.io/component-helpers/resource/helpers.go` (1.34): containers add up, init containers count with their largest,
those that restart (sidecars) stay, overhead comes on top. `non_zero` is the same with 100m and 200 MiB where a container asks for nothing, as the
scores of NodeResourcesFit see it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.kube import quantity
from harness.kube.objects import Object, key_of, labels_of, namespace_of

DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True)
class Amounts:
    """Amounts of resources: cpu in thousandths, the rest in units."""

    milli_cpu: int = 0
    memory_bytes: int = 0
    ephemeral_bytes: int = 0
    scalars: tuple[tuple[str, int], ...] = ()  # extended resources, by name

    def __add__(self, other: Amounts) -> Amounts:
        return self._combine(other, lambda one, two: one + two)

    def __sub__(self, other: Amounts) -> Amounts:
        return self._combine(other, lambda one, two: one - two)

    def at_least(self, other: Amounts) -> Amounts:
        """The larger of both, resource by resource."""
        return self._combine(other, max)

    def scalar(self, name: str) -> int:
        """The amount of an extended resource."""
        return dict(self.scalars).get(name, 0)

    def _combine(self, other: Amounts, operation: Any) -> Amounts:
        scalars: tuple[tuple[str, int], ...] = ()
        if self.scalars or other.scalars:
            mine, theirs = dict(self.scalars), dict(other.scalars)
            names = sorted(mine.keys() | theirs.keys())
            scalars = tuple((name, operation(mine.get(name, 0), theirs.get(name, 0))) for name in names)
        return Amounts(
            operation(self.milli_cpu, other.milli_cpu),
            operation(self.memory_bytes, other.memory_bytes),
            operation(self.ephemeral_bytes, other.ephemeral_bytes),
            scalars,
        )


def amounts_of(resources: Mapping[str, Any]) -> Amounts:
    """The amounts in a Kubernetes resource list; `pods` is counted apart."""
    scalars = tuple(
        sorted(
            (name, quantity.whole(value))
            for name, value in resources.items()
            if name not in {"cpu", "memory", "ephemeral-storage", "pods"}
        )
    )
    return Amounts(
        quantity.milli(resources.get("cpu", 0)),
        quantity.whole(resources.get("memory", 0)),
        quantity.whole(resources.get("ephemeral-storage", 0)),
        scalars,
    )


def requests_of(spec: Mapping[str, Any], *, non_zero: bool = False) -> Amounts:
    """What a pod of this spec reserves on its node."""
    total = sum((_of_container(entry, non_zero) for entry in spec.get("containers") or ()), Amounts())
    sidecars, peak = Amounts(), Amounts()
    for entry in spec.get("initContainers") or ():
        own = _of_container(entry, non_zero)
        if entry.get("restartPolicy") == "Always":
            sidecars = sidecars + own
            peak = peak.at_least(sidecars)
        else:
            peak = peak.at_least(sidecars + own)
    return (total + sidecars).at_least(peak) + amounts_of(spec.get("overhead") or {})


def _of_container(container: Mapping[str, Any], non_zero: bool) -> Amounts:
    resources = container.get("resources") or {}
    # Limits stand in for missing requests; the API server defaults that, too, but not for objects that bypass it.
    requested = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    if non_zero:
        requested.setdefault("cpu", "100m")
        requested.setdefault("memory", DEFAULT_MEMORY_BYTES)
    return amounts_of(requested)


@dataclass(frozen=True, order=True)
class HostPort:
    """A port that a pod takes on its node."""

    address: str
    protocol: str
    port: int

    def conflicts(self, other: HostPort) -> bool:
        """Whether both cannot stand on one node: the wildcard address covers all."""
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        return self.address == other.address or "0.0.0.0" in {self.address, other.address}


def host_ports_of(spec: Mapping[str, Any]) -> tuple[HostPort, ...]:
    """The host ports of all containers; init containers count only when they are sidecars."""
    containers: list[Mapping[str, Any]] = list(spec.get("containers") or ())
    containers += [entry for entry in spec.get("initContainers") or () if entry.get("restartPolicy") == "Always"]
    return tuple(
        HostPort(port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", int(port["hostPort"]))
        for container in containers
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )


@dataclass(frozen=True, eq=False)
class PodInfo:
    """A pod as the scheduler sees it."""

    pod: Object
    key: str
    namespace: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    requests: Amounts
    non_zero: Amounts
    host_ports: tuple[HostPort, ...]
    priority: int
    claims: tuple[str, ...] = field(default=())

    @cached_property
    def local_class(self) -> str:
        """Pods of one class get the same answer from every plugin that looks only at the pod's spec and one node."""
        node_affinity = (self.spec.get("affinity") or {}).get("nodeAffinity")
        return json.dumps(
            [
                self.spec.get("nodeName"),
                self.spec.get("nodeSelector"),
                node_affinity,
                self.spec.get("tolerations"),
                [self.requests.milli_cpu, self.requests.memory_bytes, self.requests.ephemeral_bytes],
                self.requests.scalars,
                [self.non_zero.milli_cpu, self.non_zero.memory_bytes],
                [[port.address, port.protocol, port.port] for port in self.host_ports],
            ],
            sort_keys=True,
        )

    @cached_property
    def whole_class(self) -> str:
        """Pods of one class get the same answer from every plugin."""
        affinity = {key: value for key, value in (self.spec.get("affinity") or {}).items() if key != "nodeAffinity"}
        return json.dumps(
            [
                self.local_class,
                self.namespace,
                dict(self.labels),
                affinity,
                self.spec.get("topologySpreadConstraints"),
                self.claims,
                self.spec.get("preemptionPolicy"),
            ],
            sort_keys=True,
        )

    @property
    def required_affinity(self) -> tuple[Mapping[str, Any], ...]:
        """Required terms of podAffinity."""
        return self._terms("podAffinity")

    @property
    def required_anti_affinity(self) -> tuple[Mapping[str, Any], ...]:
        """Required terms of podAntiAffinity."""
        return self._terms("podAntiAffinity")

    def _terms(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        affinity = (self.spec.get("affinity") or {}).get(kind) or {}
        return tuple(affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ())

    @property
    def is_terminating(self) -> bool:
        """Whether its deletion has been asked for."""
        return "deletionTimestamp" in self.pod["metadata"]


def claims_of(spec: Mapping[str, Any], pod_name: str) -> Iterable[str]:
    """The names of the claims that the pod's volumes use."""
    for volume in spec.get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield str(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            yield f"{pod_name}-{volume['name']}"


def pod_info(pod: Object) -> PodInfo:
    """The scheduler's view of a pod."""
    spec = pod["spec"]
    return PodInfo(
        pod=pod,
        key=key_of(pod),
        namespace=namespace_of(pod) or "default",
        labels=labels_of(pod),
        spec=spec,
        requests=requests_of(spec),
        non_zero=requests_of(spec, non_zero=True),
        host_ports=host_ports_of(spec),
        priority=int(spec.get("priority") or 0),
        claims=tuple(claims_of(spec, str(pod["metadata"]["name"]))),
    )
