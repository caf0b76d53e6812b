"""The EndpointSlice controller (`pkg/controller/endpointslice`, `k8s.io/endpointslice`, 1.34).

Endpoints that offer the same ports share slices of at most `--max-endpoints-per-slice`; a service without any keeps one empty slice. A service of more than
1,000 pods is synced at most once a second, as each sync reads them all; upstream's workers fall behind in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import Kernel
from harness.cluster.controllers.endpoints import rules
from harness.cluster.controllers.endpoints.behind import Behind, Member, Selecting, TriggerTimes
from harness.cluster.controllers.endpoints.packing import Held, pack
from harness.cluster.controllers.pacing import Pace
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import NotFound
from harness.kube.objects import (
    Object,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    owner_reference,
    split_key,
)
from harness.kube.resources import ENDPOINT_SLICES, NODES, PODS, SERVICES
from harness.kube.selectors import from_labels

CONTROLLER = "endpointslice-controller.k8s.io"
_PortKey = tuple[tuple[Any, ...], ...]


@dataclass(slots=True)
class _Made:
    """What a pod offers behind a service."""

    port_key: _PortKey
    ports: list[dict[str, Any]]
    endpoint: Mapping[str, Any]


class EndpointSliceController:
    """Reconciles services."""

    name = "endpointslice-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, settings: ControllerManagerSettings) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._most = settings.max_endpoints_per_slice
        self._times = TriggerTimes()
        self._pace = Pace()
        self._selecting = Selecting(reader)
        self._behind = Behind(reader)
        self._writes = False

    def watches(self) -> Sequence[Watch]:
        """Services, the pods that they select, and the slices made here."""
        return [
            Watch(SERVICES),
            Watch(PODS, self._selecting.keys),
            Watch(ENDPOINT_SLICES, self._service_of),
        ]

    def reconcile(self, key: str) -> int | None:
        """One service."""
        service = self._reader.get(SERVICES, *split_key(key))
        if service is None or not rules.is_handled(service) or is_deleting(service):
            self._times.forget(key)
            self._pace.forget(key)
            self._behind.forget(key)
            return None  # the slices go with their owner
        wait_us = self._pace.wait_us(key, self._kernel.now)
        if wait_us:
            return wait_us
        members = self._behind.look(service)
        self._pace.done(key, len(members), self._kernel.now)
        self._writes = True
        try:
            self._sync(service, [member for member in members if member.stays or member.leaves])
        finally:
            self._writes = False
        return None

    def _sync(self, service: Object, members: Sequence[Member]) -> None:
        wanted: dict[_PortKey, dict[str, Mapping[str, Any]]] = {}
        ports: dict[_PortKey, list[dict[str, Any]]] = {}
        zones: dict[str, str | None] = {}
        for member in members:
            made = self._made(service, member, zones)
            ports[made.port_key] = made.ports
            wanted.setdefault(made.port_key, {})[member.uid] = made.endpoint
        held: dict[_PortKey, list[Held]] = {}
        existing = {name_of(one): one for one in self._own(service)}
        for name, one in existing.items():
            entries = {str((entry.get("targetRef") or {}).get("uid")): entry for entry in one.get("endpoints") or ()}
            port_key = _key_of_ports(one.get("ports") or ())
            held.setdefault(port_key, []).append(Held(name, entries))
            _share(entries, wanted.get(port_key, {}))
        for member in members:  # what is held already is compared by identity next time
            member.made.endpoint = wanted[member.made.port_key][member.uid]
        trigger = self._times.compute(service, members)
        if not wanted:
            self._leave_one_empty(service, existing, trigger)
            return
        stale = [one.name for key, slices in held.items() if key not in wanted for one in slices]
        for port_key, endpoints in wanted.items():
            packing = pack(endpoints, held.get(port_key, ()), self._most)
            for name, one in existing.items():
                if name in packing.update or (
                    name not in packing.delete and self._is_relabelled(service, one, port_key)
                ):
                    body = packing.update.get(name, list(one.get("endpoints") or ()))
                    self._replace(service, one, ports[port_key], body, trigger)
            for fresh in packing.create:
                if stale:
                    self._replace(service, existing[stale.pop(0)], ports[port_key], fresh, trigger)
                else:
                    self._create(service, ports[port_key], fresh, trigger)
            stale += packing.delete
        for name in stale:
            self._delete(service, name)

    def _made(self, service: Object, member: Member, zones: dict[str, str | None]) -> _Made:
        """The endpoint of a pod, worked out again only when pod, service or zone are others than before."""
        name = str(member.pod["spec"].get("nodeName") or "")
        if name not in zones:
            zones[name] = rules.zone_of(self._reader.get(NODES, None, name))
        made: _Made = member.made
        if made is None or member.made_from[0] is not service or member.made_from[1] != zones[name]:
            offered = rules.ports_of(service, member.pod)
            made = _Made(_key_of_ports(offered), offered, rules.endpoint_of(service, member.pod, zones[name]))
            member.made, member.made_from = made, (service, zones[name])
        return made

    def _service_of(self, one: Object) -> Iterable[str]:
        """As upstream's EndpointSliceTracker: own writes are no news."""
        labels = labels_of(one)
        if self._writes or labels.get(rules.MANAGED_BY) != CONTROLLER or rules.SERVICE_NAME not in labels:
            return ()
        return (f"{namespace_of(one)}/{labels[rules.SERVICE_NAME]}",)

    def _own(self, service: Object) -> Sequence[Object]:
        labels = {rules.SERVICE_NAME: name_of(service), rules.MANAGED_BY: CONTROLLER}
        found = self._reader.list(ENDPOINT_SLICES, namespace_of(service), from_labels(labels))
        return [one for one in found if not is_deleting(one)]

    def _leave_one_empty(self, service: Object, existing: Mapping[str, Object], trigger: str | None) -> None:
        empty = [name for name, one in existing.items() if not one.get("endpoints")]
        if not existing:
            self._create(service, [], [], trigger)
        elif not empty:
            first = next(iter(existing))
            self._replace(service, existing[first], [], [], trigger)
            empty = [first]
        for name in existing:
            if name != empty[0]:
                self._delete(service, name)

    def _is_relabelled(self, service: Object, one: Object, port_key: _PortKey) -> bool:
        same_ports = _key_of_ports(one.get("ports") or ()) == port_key
        return same_ports and dict(labels_of(one)) != self._labels(service)

    def _labels(self, service: Object) -> dict[str, str]:
        return rules.labels_for(service, {rules.SERVICE_NAME: name_of(service), rules.MANAGED_BY: CONTROLLER})

    def _create(self, service: Object, ports: Sequence[Any], endpoints: Sequence[Any], trigger: str | None) -> None:
        metadata: dict[str, Any] = {
            "generateName": f"{name_of(service)}-",
            "namespace": namespace_of(service),
            "labels": self._labels(service),
            "ownerReferences": [owner_reference(service)],
        }
        if trigger is not None:
            metadata["annotations"] = {rules.TRIGGER_TIME: trigger}
        body = {
            "apiVersion": ENDPOINT_SLICES.api_version,
            "kind": ENDPOINT_SLICES.kind,
            "metadata": metadata,
            "addressType": "IPv4",
            "endpoints": list(endpoints) or None,
            "ports": list(ports) or None,
        }
        self._writer.create(ENDPOINT_SLICES, body)

    def _replace(
        self, service: Object, one: Object, ports: Sequence[Any], endpoints: Sequence[Any], trigger: str | None
    ) -> None:
        annotations = {
            key: value for key, value in (one["metadata"].get("annotations") or {}).items() if key != rules.TRIGGER_TIME
        }
        if trigger is not None:
            annotations[rules.TRIGGER_TIME] = trigger
        metadata = {**one["metadata"], "labels": self._labels(service), "annotations": annotations}
        body = {**one, "metadata": metadata, "endpoints": list(endpoints) or None, "ports": list(ports) or None}
        self._writer.replace(ENDPOINT_SLICES, body)

    def _delete(self, service: Object, name: str) -> None:
        try:
            self._writer.delete(ENDPOINT_SLICES, namespace_of(service), name)
        except NotFound:
            return  # it went by itself


def _key_of_ports(ports: Iterable[Mapping[str, Any]]) -> _PortKey:
    return tuple(
        sorted(
            (
                str(port.get("name") or ""),
                port.get("port"),
                port.get("protocol") or "TCP",
                port.get("appProtocol") or "",
            )
            for port in ports
        )
    )


def _share(held: Mapping[str, Mapping[str, Any]], wanted: dict[str, Mapping[str, Any]]) -> None:
    """Put what is held in the place of what is wanted where both are equal."""
    for uid, entry in held.items():
        made = wanted.get(uid)
        if made is not None and made is not entry and made == entry:
            wanted[uid] = entry
