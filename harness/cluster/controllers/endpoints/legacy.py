"""The Endpoints controller (`pkg/controller/endpoint`, 1.34): one object a service, at most 1,000 addresses in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clock import Kernel
from harness.cluster.controllers.endpoints import rules
from harness.cluster.controllers.endpoints.behind import Behind, Member, Selecting, TriggerTimes
from harness.cluster.controllers.pacing import Pace
from harness.cluster.controllers.pods import is_ready
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import Forbidden, NotFound
from harness.kube.objects import Object, is_deleting, key_of, labels_of, name_of, namespace_of, new_object, split_key
from harness.kube.resources import ENDPOINTS, PODS, SERVICES

_MANAGED = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
_OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
_MOST = 1000


class EndpointsController:
    """Reconciles services."""

    name = "endpoints-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._times = TriggerTimes()
        self._pace = Pace()
        self._selecting = Selecting(reader)
        self._behind = Behind(reader)

    def watches(self) -> Sequence[Watch]:
        """Services, the pods that they select, and Endpoints."""
        return [
            Watch(SERVICES),
            Watch(PODS, self._selecting.keys),
            Watch(ENDPOINTS, self._taken_away),
        ]

    def reconcile(self, key: str) -> int | None:
        """One service; its Endpoints go with it."""
        namespace, name = split_key(key)
        service = self._reader.get(SERVICES, namespace, name)
        if service is None:
            self._times.forget(key)
            self._pace.forget(key)
            self._behind.forget(key)
            self._remove(namespace, name)
            return None
        if not rules.is_handled(service) or is_deleting(service):
            return None
        wait_us = self._pace.wait_us(key, self._kernel.now)
        if wait_us:
            return wait_us
        behind = self._behind.look(service)
        self._pace.done(key, len(behind), self._kernel.now)
        terminating = bool(service["spec"].get("publishNotReadyAddresses"))
        members = [member for member in behind if member.stays or (terminating and member.leaves)]
        self._write(service, subsets_of(service, [member.pod for member in members[:_MOST]]), members)
        return None

    def _taken_away(self, endpoints: Object) -> Iterable[str]:
        """As upstream: Endpoints that somebody deleted are made again, what somebody writes into them stays until a pod changes."""
        is_there = self._reader.get(ENDPOINTS, namespace_of(endpoints), name_of(endpoints)) is not None
        return () if is_there else (key_of(endpoints),)

    def _remove(self, namespace: str | None, name: str) -> None:
        found = self._reader.get(ENDPOINTS, namespace, name)
        if found is None or labels_of(found).items() & _MANAGED.items() != _MANAGED.items():
            return
        try:
            self._writer.delete(ENDPOINTS, namespace, name)
        except NotFound:
            return  # it went by itself

    def _write(self, service: Object, subsets: Sequence[Mapping[str, Any]], members: Sequence[Member]) -> None:
        current = self._reader.get(ENDPOINTS, namespace_of(service), name_of(service))
        labels = rules.labels_for(service, _MANAGED)
        if current is not None and list(current.get("subsets") or ()) == list(subsets) and labels_of(current) == labels:
            self._times.compute(service, members)
            return
        annotations = dict((current or {"metadata": {}})["metadata"].get("annotations") or {})
        trigger = self._times.compute(service, members)
        annotations.pop(rules.TRIGGER_TIME, None)
        annotations.pop(_OVER_CAPACITY, None)
        if trigger is not None:
            annotations[rules.TRIGGER_TIME] = trigger
        if len(members) > _MOST:
            annotations[_OVER_CAPACITY] = "truncated"
        if current is not None:
            metadata = {**current["metadata"], "labels": labels, "annotations": annotations}
            self._writer.replace(ENDPOINTS, {**current, "metadata": metadata, "subsets": list(subsets)})
            return
        fresh = new_object(
            ENDPOINTS,
            name_of(service),
            namespace_of(service),
            labels=labels,
            annotations=annotations,
            subsets=list(subsets),
        )
        try:
            self._writer.create(ENDPOINTS, fresh)
        except Forbidden:
            return  # the namespace goes away


def subsets_of(service: Object, pods: Sequence[Object]) -> list[dict[str, Any]]:
    """The pods by the ports that they offer; ports that the same pods offer stand together (`RepackSubsets`)."""
    tolerant = bool(service["spec"].get("publishNotReadyAddresses"))
    by_port: dict[tuple[Any, ...], tuple[dict[str, Any], dict[str, tuple[bool, dict[str, Any]]]]] = {}
    for pod in pods:
        address = _address_of(service, pod)
        if address is None:
            continue
        entry = (tolerant or is_ready(pod), address)
        ports = rules.ports_of(service, pod)
        if not ports and not service["spec"].get("ports"):
            by_port.setdefault((), ({}, {}))[1][address["ip"]] = entry
        for port in ports:
            shown = {key: value for key, value in port.items() if value != ""}
            key = (port["name"], port["port"], port["protocol"])
            by_port.setdefault(key, (shown, {}))[1][address["ip"]] = entry
    merged: dict[tuple[tuple[str, bool], ...], tuple[list[dict[str, Any]], dict[str, tuple[bool, dict[str, Any]]]]] = {}
    for _, (shown, entries) in sorted(by_port.items()):
        group = tuple(sorted((ip, ready) for ip, (ready, _) in entries.items()))
        merged.setdefault(group, ([], entries))[0].append(shown)
    return [_subset(ports, entries) for ports, entries in merged.values()]


def _subset(ports: list[dict[str, Any]], entries: Mapping[str, tuple[bool, dict[str, Any]]]) -> dict[str, Any]:
    subset: dict[str, Any] = {}
    for field, wanted in (("addresses", True), ("notReadyAddresses", False)):
        found = [address for _, (ready, address) in sorted(entries.items()) if ready is wanted]
        if found:
            subset[field] = found
    if any(ports):
        subset["ports"] = ports
    return subset


def _address_of(service: Object, pod: Object) -> dict[str, Any] | None:
    addresses = rules.addresses_of(pod)
    if not addresses:
        return None
    address: dict[str, Any] = {"ip": addresses[0], "targetRef": rules.target_of(pod)}
    if pod["spec"].get("nodeName"):
        address["nodeName"] = pod["spec"]["nodeName"]
    if rules.has_hostname(service, pod):
        address["hostname"] = pod["spec"]["hostname"]
    return address
