"""APIService objects: one for every group and version that is served, and whether each is available.

Follows kubernetes 1.34 `kube-aggregator/pkg/controllers/{autoregister,status}` and `pkg/controlplane/apiserver/aggregator.go` (the priorities). Those of
built-in groups are made once, at the start; those of CustomResourceDefinitions live as long as these. Nothing is forwarded to an aggregated API server: the
modelled metrics-server is answered for here, any other is stored and unavailable, with upstream's reason as far as its Service tells it; behind a Service
that has addresses nobody answers (FailedDiscoveryCheck).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clock import Kernel, format_time
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, name_of, namespace_of, new_object
from harness.kube.resources import API_SERVICES, CUSTOM_RESOURCE_DEFINITIONS, ENDPOINT_SLICES, SERVICES

MANAGED = "kube-aggregator.kubernetes.io/automanaged"
METRICS = "v1beta1.metrics.k8s.io"
_LOCAL = ("True", "Local", "Local APIServices are always available")
_PASSED = ("True", "Passed", "all checks passed")
_CUSTOM_PRIORITIES = (1000, 100)
_SECOND_VERSION = 30  # of autoscaling/v2, which comes before v1
_FIRST_VERSION = 15
# Group to groupPriorityMinimum.
_PRIORITIES: Mapping[str, int] = {
    "": 18000,
    "apps": 17800,
    "events.k8s.io": 17750,
    "authentication.k8s.io": 17700,
    "authorization.k8s.io": 17600,
    "autoscaling": 17500,
    "batch": 17400,
    "certificates.k8s.io": 17300,
    "networking.k8s.io": 17200,
    "policy": 17100,
    "rbac.authorization.k8s.io": 17000,
    "storage.k8s.io": 16800,
    "apiextensions.k8s.io": 16700,
    "admissionregistration.k8s.io": 16700,
    "scheduling.k8s.io": 16600,
    "coordination.k8s.io": 16500,
    "node.k8s.io": 16300,
    "discovery.k8s.io": 16200,
    "resource.k8s.io": 16200,
    "flowcontrol.apiserver.k8s.io": 16100,
}
_OWN = "apiregistration.k8s.io"  # the aggregator serves it itself
_INDEX = "service"


class ApiServiceRegistration:
    """Registers what is served; reconciles APIServices. `built_in` are the groups with their versions, `metrics` whether a metrics-server is installed."""

    name = "autoregister"

    def __init__(
        self, kernel: Kernel, reader: Reader, writer: Writer, built_in: Iterable[tuple[str, str]], *, metrics: bool
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._metrics = metrics
        for group, version in built_in:
            if group in _PRIORITIES and reader.get(API_SERVICES, None, f"{version}.{group}") is None:
                priorities = (_PRIORITIES[group], _version_priority(group, version))
                self._register(group, version, priorities, "onstart")
        if metrics and reader.get(API_SERVICES, None, METRICS) is None:
            self._writer.create(API_SERVICES, _metrics_server())
        reader.add_index(API_SERVICES, _INDEX, _service_of)

    def watches(self) -> Sequence[Watch]:
        """APIServices, the definitions of types, and the Services that stand behind an APIService."""
        return [
            Watch(API_SERVICES),
            Watch(CUSTOM_RESOURCE_DEFINITIONS, _names_of),
            Watch(SERVICES, lambda service: self._behind(f"{namespace_of(service)}/{name_of(service)}")),
            Watch(ENDPOINT_SLICES, lambda slice_: self._behind(_service_of_slice(slice_))),
        ]

    def reconcile(self, key: str) -> int | None:
        """One APIService."""
        current = self._reader.get(API_SERVICES, None, key)
        version, _, group = key.partition(".")
        wanted = self._defined(group, version)
        if current is None:
            if wanted:
                self._register(group, version, _CUSTOM_PRIORITIES, "true")
            return None
        if not wanted and (current["metadata"].get("labels") or {}).get(MANAGED) == "true":
            self._writer.delete(API_SERVICES, None, key)
            return None
        self._say(current)
        return None

    def _register(self, group: str, version: str, priorities: tuple[int, int], managed: str) -> None:
        spec = {"version": version, "groupPriorityMinimum": priorities[0], "versionPriority": priorities[1]}
        if group:
            spec["group"] = group
        labels = {MANAGED: managed}
        self._writer.create(API_SERVICES, new_object(API_SERVICES, f"{version}.{group}", labels=labels, spec=spec))

    def _defined(self, group: str, version: str) -> bool:
        """Whether a CustomResourceDefinition that is established serves this version."""
        return any(
            definition["spec"]["group"] == group and f"{version}.{group}" in _names_of(definition)
            for definition in self._reader.list(CUSTOM_RESOURCE_DEFINITIONS)
        )

    def _say(self, current: Object) -> None:
        status, reason, message = self._verdict(current)
        conditions = list((current.get("status") or {}).get("conditions") or ())
        old = next((entry for entry in conditions if entry["type"] == "Available"), None)
        if old is not None and (old["status"], old.get("reason"), old.get("message")) == (status, reason, message):
            return
        moved = old is None or old["status"] != status
        since = format_time(self._kernel.now) if moved or old is None else old["lastTransitionTime"]
        new = {
            "type": "Available",
            "status": status,
            "lastTransitionTime": since,
            "reason": reason,
            "message": message,
        }
        others = [entry for entry in conditions if entry["type"] != "Available"]
        body = {**current, "status": {**(current.get("status") or {}), "conditions": [*others, new]}}
        self._writer.replace(API_SERVICES, body, subresource="status")

    def _verdict(self, current: Object) -> tuple[str, str, str]:
        reference = current["spec"].get("service")
        if reference is None:
            return _LOCAL
        if self._metrics and name_of(current) == METRICS:
            return _PASSED
        namespace, name = str(reference["namespace"]), str(reference["name"])
        service = self._reader.get(SERVICES, namespace, name)
        if service is None:
            return "False", "ServiceNotFound", f'service/{name} in "{namespace}" is not present'
        number = int(reference.get("port") or 443)
        ports = service["spec"].get("ports") or ()
        port = next((entry for entry in ports if entry["port"] == number), None)
        if port is None:
            return (
                "False",
                "ServicePortError",
                f'service/{name} in "{namespace}" is not listening on port {number}',
            )
        port_name = str(port.get("name") or "")
        listed = self._reader.list(ENDPOINT_SLICES, namespace)
        slices = [slice_ for slice_ in listed if _service_of_slice(slice_) == f"{namespace}/{name}"]
        if not slices:
            return "False", "EndpointsNotFound", f'cannot find endpointslices for service/{name} in "{namespace}"'
        if not any(_has_addresses(slice_, port_name) for slice_ in slices):
            text = f'endpointslices for service/{name} in "{namespace}" have no addresses with port name "{port_name}"'
            return "False", "MissingEndpoints", text
        place = f"https://{service['spec'].get('clusterIP')}:{number}/apis/{current['spec']['group']}/{current['spec']['version']}"
        refused = f"dial tcp {service['spec'].get('clusterIP')}:{number}: connect: connection refused"
        text = f'failing or missing response from {place}: Get "{place}": {refused}'
        return "False", "FailedDiscoveryCheck", text

    def _behind(self, place: str) -> Iterable[str]:
        return [name_of(entry) for entry in self._reader.by_index(API_SERVICES, _INDEX, place)]


def _version_priority(group: str, version: str) -> int:
    """As in upstream's table for what is served here: the core group's is the smallest, a second version stands before the first."""
    if group == "":
        return 1
    if group in {"resource.k8s.io", "flowcontrol.apiserver.k8s.io"}:
        return 21
    return _SECOND_VERSION if version == "v2" else _FIRST_VERSION


def _metrics_server() -> dict[str, Any]:
    """As metrics-server's own manifest has it."""
    version, _, group = METRICS.partition(".")
    spec = {
        "group": group,
        "version": version,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "metrics-server", "namespace": "kube-system", "port": 443},
    }
    return new_object(API_SERVICES, METRICS, labels={"k8s-app": "metrics-server"}, spec=spec)


def _names_of(definition: Object) -> list[str]:
    """The APIServices of a type's versions that are served."""
    spec = definition["spec"]
    conditions = (definition.get("status") or {}).get("conditions") or ()
    if not any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions):
        return []
    return [f"{version['name']}.{spec['group']}" for version in spec["versions"] if version.get("served")]


def _service_of(current: Object) -> Sequence[str]:
    reference = current["spec"].get("service")
    return () if reference is None else (f"{reference['namespace']}/{reference['name']}",)


def _service_of_slice(slice_: Object) -> str:
    name = (slice_["metadata"].get("labels") or {}).get("kubernetes.io/service-name", "")
    return f"{namespace_of(slice_)}/{name}"


def _has_addresses(slice_: Object, port_name: str) -> bool:
    ready = any((entry.get("conditions") or {}).get("ready") is not False for entry in slice_.get("endpoints") or ())
    return ready and any(str(port.get("name") or "") == port_name for port in slice_.get("ports") or ())
