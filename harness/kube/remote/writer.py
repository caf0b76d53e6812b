"""`harness.kube.client.Writer` over HTTP: one request a call, on the caller's thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.kube.client import PatchType, Propagation
from harness.kube.objects import Object, freeze, name_of, namespace_of
from harness.kube.remote.paths import path_of
from harness.kube.remote.transport import Transport
from harness.kube.resources import PODS, Resource

_CONTENT_TYPES: Mapping[str, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


class RemoteWriter:
    """Writes as field manager `manager`."""

    def __init__(self, transport: Transport, *, manager: str = "harness") -> None:
        self._transport = transport
        self._query = {"fieldManager": manager}

    def create(self, resource: Resource, obj: Mapping[str, Any]) -> Object:
        """Create; `metadata.generateName` is honoured."""
        path = path_of(resource, obj["metadata"].get("namespace"))
        return _frozen(self._transport.request("POST", path, self._query, _typed(resource, obj)))

    def replace(self, resource: Resource, obj: Mapping[str, Any], *, subresource: str = "") -> Object:
        """Replace what has the same name; with a `metadata.resourceVersion` only that version."""
        path = path_of(resource, namespace_of(obj), name_of(obj), subresource)
        return _frozen(self._transport.request("PUT", path, self._query, _typed(resource, obj)))

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Any,
        *,
        kind: PatchType = "merge",
        subresource: str = "",
    ) -> Object:
        """Patch the object or its subresource."""
        path = path_of(resource, namespace, name, subresource)
        return _frozen(self._transport.request("PATCH", path, self._query, patch, _CONTENT_TYPES[kind]))

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        grace_period_s: int | None = None,
        propagation: Propagation = "Background",
        uid: str | None = None,
    ) -> Object:
        """Delete, and tell what it was last.

        Most types answer a deletion that is complete with a bare Status, so what is there is read before.
        """
        path = path_of(resource, namespace, name)
        before = None if resource == PODS else self._transport.request("GET", path)
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if grace_period_s is not None:
            options["gracePeriodSeconds"] = grace_period_s
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        answer = self._transport.request("DELETE", path, None, options)
        return _frozen(before if before is not None and answer.get("kind") == "Status" else answer)

    def bind(self, namespace: str, pod: str, node: str) -> None:
        """The pods/binding subresource."""
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod, "namespace": namespace},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        self._transport.request("POST", path_of(PODS, namespace, pod, "binding"), self._query, body)

    def evict(self, namespace: str, pod: str, *, grace_period_s: int | None = None) -> None:
        """The pods/eviction subresource."""
        body: dict[str, Any] = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        if grace_period_s is not None:
            body["deleteOptions"] = {"gracePeriodSeconds": grace_period_s}
        self._transport.request("POST", path_of(PODS, namespace, pod, "eviction"), self._query, body)


def _typed(resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}


def _frozen(obj: Mapping[str, Any]) -> Object:
    frozen: Object = freeze(obj)
    return frozen
