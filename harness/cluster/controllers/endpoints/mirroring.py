"""The EndpointSlice mirroring controller (`pkg/controller/endpointslicemirroring`, 1.34): Endpoints that a person wrote for a service without a selector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.cluster.controllers.endpoints import rules
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import NotFound
from harness.kube.objects import Object, labels_of, name_of, namespace_of, owner_reference, split_key
from harness.kube.resources import ENDPOINT_SLICES, ENDPOINTS, SERVICES
from harness.kube.selectors import from_labels

CONTROLLER = "endpointslicemirroring-controller.k8s.io"
_SKIP = "endpointslice.kubernetes.io/skip-mirror"
_LEADER = "control-plane.alpha.kubernetes.io/leader"


class EndpointSliceMirroringController:
    """Reconciles Endpoints by their name, which is their service's."""

    name = "endpointslice-mirroring-controller"

    def __init__(self, reader: Reader, writer: Writer, settings: ControllerManagerSettings) -> None:
        self._reader = reader
        self._writer = writer
        self._most = settings.mirroring_max_endpoints_per_subset

    def watches(self) -> Sequence[Watch]:
        """Endpoints, services, and the slices made here."""
        return [Watch(ENDPOINTS), Watch(SERVICES), Watch(ENDPOINT_SLICES, _endpoints_of)]

    def reconcile(self, key: str) -> int | None:
        """One Endpoints object."""
        namespace, name = split_key(key)
        endpoints = self._reader.get(ENDPOINTS, namespace, name)
        service = self._reader.get(SERVICES, namespace, name)
        labels = from_labels({rules.SERVICE_NAME: name, rules.MANAGED_BY: CONTROLLER})
        held = list(self._reader.list(ENDPOINT_SLICES, namespace, labels))
        wanted: list[dict[str, Any]] = []
        if (
            endpoints is not None
            and service is not None
            and not service["spec"].get("selector")
            and _mirrors(endpoints)
        ):
            wanted = [_mirror(endpoints, subset, self._most) for subset in endpoints.get("subsets") or ()]
        missing = [body for body in wanted if not _take(held, body)]
        for body in missing:
            if held:
                stale = held.pop()
                metadata = {**stale["metadata"], "labels": body["metadata"]["labels"]}
                self._writer.replace(ENDPOINT_SLICES, {**stale, **body, "metadata": metadata})
            else:
                self._writer.create(ENDPOINT_SLICES, body)
        for stale in held:
            try:
                self._writer.delete(ENDPOINT_SLICES, namespace, name_of(stale))
            except NotFound:
                continue  # it went by itself
        return None


def _mirrors(endpoints: Object) -> bool:
    annotations = endpoints["metadata"].get("annotations") or {}
    return labels_of(endpoints).get(_SKIP) != "true" and _LEADER not in annotations


def _take(held: list[Object], body: Mapping[str, Any]) -> bool:
    """Whether a slice is there already; it is then taken off the list."""
    for one in held:
        if (
            all(one.get(field) == body[field] for field in ("endpoints", "ports"))
            and labels_of(one) == body["metadata"]["labels"]
        ):
            held.remove(one)
            return True
    return False


def _mirror(endpoints: Object, subset: Mapping[str, Any], most: int) -> dict[str, Any]:
    found = []
    for field, ready in (("addresses", True), ("notReadyAddresses", False)):
        for address in subset.get(field) or ():
            entry: dict[str, Any] = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
            entry.update({key: address[key] for key in ("hostname", "nodeName", "targetRef") if address.get(key)})
            found.append(entry)
    ports = [
        {
            "name": str(port.get("name") or ""),
            "port": port["port"],
            "protocol": str(port.get("protocol") or "TCP"),
            **({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {}),
        }
        for port in subset.get("ports") or ()
    ]
    labels = {
        **labels_of(endpoints),
        rules.SERVICE_NAME: name_of(endpoints),
        rules.MANAGED_BY: CONTROLLER,
    }
    return {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": ENDPOINT_SLICES.kind,
        "metadata": {
            "generateName": f"{name_of(endpoints)}-",
            "namespace": namespace_of(endpoints),
            "labels": labels,
            "ownerReferences": [owner_reference(endpoints)],
        },
        "addressType": "IPv4",
        "endpoints": found[:most],
        "ports": ports,
    }


def _endpoints_of(one: Object) -> Iterable[str]:
    labels = labels_of(one)
    if labels.get(rules.MANAGED_BY) != CONTROLLER or rules.SERVICE_NAME not in labels:
        return ()
    return (f"{namespace_of(one)}/{labels[rules.SERVICE_NAME]}",)
