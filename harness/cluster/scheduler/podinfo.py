"""What scheduling asks of a pod, worked out once: requests, ports, claims, affinity terms and its equivalence classes.

Requests follow kubernetes `staging/src/k8s.io/component-helpers/resource/helpers.go` (1.34): containers add up, init containers count with their
largest, those that restart (sidecars) stay, requests of the pod itself replace the containers' sum, overhead comes on top. What a container was given
counts where it is more than it asks for now (in-place resize). `non_zero` is the same with 100m and 200 MiB where a container asks for nothing, as the
score of NodeResourcesFit sees it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from harness.cluster.scheduler.terms import Term, Weighted, terms_of, weighted_terms_of
from harness.kube import quantity
from harness.kube.objects import Object, condition, key_of, labels_of, namespace_of

DEFAULT_MILLI_CPU = 100
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024
_FILLING = {"cpu": DEFAULT_MILLI_CPU, "memory": DEFAULT_MEMORY_BYTES}
_POD_LEVEL = frozenset({"cpu", "memory"})
_FIXED = frozenset({"cpu", "memory", "ephemeral-storage", "pods"})


@dataclass(frozen=True)
class Amounts:
    """Amounts of resources: cpu in thousandths, the rest in units."""

    milli_cpu: int = 0
    memory_bytes: int = 0
    ephemeral_bytes: int = 0
    scalars: tuple[tuple[str, int], ...] = ()  # extended resources, by name


def amounts_of(resources: Mapping[str, Any]) -> Amounts:
    """The amounts in a Kubernetes resource list; `pods` is counted apart."""
    scalars = tuple(sorted((name, quantity.whole(value)) for name, value in resources.items() if name not in _FIXED))
    return Amounts(
        quantity.milli(resources.get("cpu", 0)),
        quantity.whole(resources.get("memory", 0)),
        quantity.whole(resources.get("ephemeral-storage", 0)),
        scalars,
    )


_Sums = dict[str, int]  # cpu in thousandths


def _numbers(resources: Mapping[str, Any]) -> _Sums:
    return {
        name: quantity.milli(value) if name == "cpu" else quantity.whole(value) for name, value in resources.items()
    }


def _add(total: _Sums, more: _Sums) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: _Sums, other: _Sums) -> None:
    for name, amount in other.items():
        if amount > total.get(name, -1):
            total[name] = amount


def requests_of(
    spec: Mapping[str, Any], status: Mapping[str, Any] | None = None, *, non_zero: bool = False, pod_level: bool = True
) -> Amounts:
    """What a pod of this spec reserves on its node; with its status, what it was given counts too.

    `non_zero` fills in what containers do not ask for; `pod_level=False` looks at containers alone.
    """
    own = _own(spec) if pod_level else {}
    filling: _Sums = {}
    if non_zero:
        # With requests of the pod's own, only what neither it nor any container asks for is filled in.
        known = own and {**_sum(spec, _given(status or {}), {}), **own}
        filling = {name: amount for name, amount in _FILLING.items() if name not in known}
    total = {**_sum(spec, _given(status or {}), filling), **own}
    _add(total, _numbers(spec.get("overhead") or {}))
    return Amounts(
        total.get("cpu", 0),
        total.get("memory", 0),
        total.get("ephemeral-storage", 0),
        tuple(sorted((name, amount) for name, amount in total.items() if name not in _FIXED)),
    )


def _own(spec: Mapping[str, Any]) -> _Sums:
    """The requests of the pod itself."""
    requests = (spec.get("resources") or {}).get("requests")
    if not requests:
        return {}
    return {
        name: amount
        for name, amount in _numbers(requests).items()
        if name in _POD_LEVEL or name.startswith("hugepages-")
    }


def _sum(spec: Mapping[str, Any], given: Mapping[str, tuple[Mapping[str, Any], bool]], filling: _Sums) -> _Sums:
    """What all containers need at once, or while they start one after the other, whichever is more."""
    total: _Sums = {}
    for entry in spec.get("containers") or ():
        _add(total, _of_container(entry, given, filling))
    sidecars: _Sums = {}
    peak: _Sums = {}
    for entry in spec.get("initContainers") or ():
        restarts = entry.get("restartPolicy") == "Always"
        needed = _of_container(entry, given if restarts else {}, filling)
        if restarts:
            _add(total, needed)
            _add(sidecars, needed)
            _raise_to(peak, sidecars)
        else:
            _add(needed, sidecars)
            _raise_to(peak, needed)
    _raise_to(total, peak)
    return total


def _given(status: Mapping[str, Any]) -> dict[str, tuple[Mapping[str, Any], bool]]:
    """By container, its status, and whether a resize was found infeasible (then what it asks for does not count)."""
    entries = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    if not entries:
        return {}
    pending = condition({"status": status}, "PodResizePending") or {}
    infeasible = pending.get("reason") == "Infeasible"
    return {str(entry["name"]): (entry, infeasible) for entry in entries if entry.get("resources") is not None}


def allocated(status: Mapping[str, Any]) -> list[object]:
    """What containers were given, and whether a resize is pending."""
    entries = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    given = [entry for entry in entries if entry.get("resources") is not None or entry.get("allocatedResources")]
    if not given:
        return []
    pending = condition({"status": status}, "PodResizePending") or {}
    return [pending.get("reason"), *((entry.get("resources"), entry.get("allocatedResources")) for entry in given)]


def _of_container(
    container: Mapping[str, Any], given: Mapping[str, tuple[Mapping[str, Any], bool]], filling: _Sums
) -> _Sums:
    requested = _numbers((container.get("resources") or {}).get("requests") or {})
    known = given.get(str(container.get("name"))) if given else None
    if known is not None:
        entry, infeasible = known
        if infeasible:
            requested = {}
        _raise_to(requested, _numbers((entry.get("resources") or {}).get("requests") or {}))
        _raise_to(requested, _numbers(entry.get("allocatedResources") or {}))
    for name, amount in filling.items():
        requested.setdefault(name, amount)
    return requested


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
    scored: Amounts  # what the score of NodeResourcesFit takes it to ask for: its containers alone, as upstream's scorer knows no requests of a pod's own
    host_ports: tuple[HostPort, ...]
    priority: int
    claims: tuple[str, ...] = field(default=())
    required_affinity: tuple[Term, ...] = ()
    required_anti_affinity: tuple[Term, ...] = ()
    preferred_affinity: tuple[Weighted, ...] = ()
    preferred_anti_affinity: tuple[Weighted, ...] = ()

    @property
    def has_affinity(self) -> bool:
        """Whether it has any term of pod affinity or anti-affinity."""
        return bool(
            self.required_affinity
            or self.required_anti_affinity
            or self.preferred_affinity
            or self.preferred_anti_affinity
        )

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The images of all its containers, as written."""
        entries = [*(self.spec.get("initContainers") or ()), *(self.spec.get("containers") or ())]
        return tuple(str(entry.get("image") or "") for entry in entries)

    @cached_property
    def local_class(self) -> str:
        """Pods of one class get the same answer from every plugin that looks only at the pod's spec and one node."""
        spec = self.spec
        affinity = spec.get("affinity")
        return json.dumps(
            [
                spec.get("nodeName"),
                spec.get("nodeSelector"),
                affinity.get("nodeAffinity") if affinity else None,
                spec.get("tolerations"),
                self.requests.milli_cpu,
                self.requests.memory_bytes,
                self.requests.ephemeral_bytes,
                self.requests.scalars,
                self.scored.milli_cpu,
                self.scored.memory_bytes,
                self.images,
                [[port.address, port.protocol, port.port] for port in self.host_ports] if self.host_ports else None,
            ],
            sort_keys=True,
        )

    @cached_property
    def whole_class(self) -> str:
        """Pods of one class get the same answer from every plugin."""
        affinity = {key: value for key, value in (self.spec.get("affinity") or {}).items() if key != "nodeAffinity"}
        owners = self.pod["metadata"].get("ownerReferences") or ()
        return json.dumps(
            [
                self.local_class,
                self.namespace,
                self.labels,
                affinity,
                self.spec.get("topologySpreadConstraints"),
                self.spec.get("volumes") if self.has_restricted_volumes else None,
                [owner for owner in owners if owner.get("controller")],
            ],
            sort_keys=True,
        )

    @cached_property
    def has_restricted_volumes(self) -> bool:
        """Whether it has a volume that plugins look at: a claim, one of its own, or a disk that few can share."""
        return any(not _UNRESTRICTED.issuperset(volume) for volume in self.spec.get("volumes") or ())

    @property
    def is_terminating(self) -> bool:
        """Whether its deletion has been asked for."""
        return "deletionTimestamp" in self.pod["metadata"]

    @property
    def uid(self) -> str:
        """`metadata.uid`, empty before the API has given one."""
        return str(self.pod["metadata"].get("uid") or "")

    @property
    def nominated_node(self) -> str:
        """`status.nominatedNodeName`."""
        return str((self.pod.get("status") or {}).get("nominatedNodeName") or "")

    @property
    def preempts(self) -> bool:
        """Whether its preemptionPolicy lets it take the place of others."""
        return bool(self.spec.get("preemptionPolicy") != "Never")


_UNRESTRICTED = frozenset({"name", "emptyDir", "configMap", "secret", "projected", "downwardAPI", "hostPath", "image"})


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
    status = pod.get("status") or {}
    namespace = namespace_of(pod) or "default"
    labels = labels_of(pod)
    affinity = spec.get("affinity") or {}
    together, apart = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    non_zero = requests_of(spec, status, non_zero=True)
    return PodInfo(
        pod=pod,
        key=key_of(pod),
        namespace=namespace,
        labels=labels,
        spec=spec,
        requests=requests_of(spec, status),
        non_zero=non_zero,
        scored=requests_of(spec, status, non_zero=True, pod_level=False) if spec.get("resources") else non_zero,
        host_ports=host_ports_of(spec),
        priority=int(spec.get("priority") or 0),
        claims=tuple(claims_of(spec, str(pod["metadata"]["name"]))) if spec.get("volumes") else (),
        required_affinity=terms_of(together, namespace, labels) if together else (),
        required_anti_affinity=terms_of(apart, namespace, labels) if apart else (),
        preferred_affinity=weighted_terms_of(together, namespace, labels) if together else (),
        preferred_anti_affinity=weighted_terms_of(apart, namespace, labels) if apart else (),
    )


def later(known: PodInfo | None, pod: Object) -> PodInfo:
    """The scheduler's view of a pod, for which `known` is that of an earlier state: while only its node and status differ, what it asks for is the same."""
    if known is None or known.labels != labels_of(pod) or allocated(pod.get("status") or {}):
        return pod_info(pod)
    before, spec = known.spec, pod["spec"]
    if any(before.get(key) is not value for key, value in spec.items() if key != "nodeName"):
        return pod_info(pod)
    if len(before) - ("nodeName" in before) != len(spec) - ("nodeName" in spec) or allocated(
        known.pod.get("status") or {}
    ):
        return pod_info(pod)
    return replace(known, pod=pod, spec=spec)
