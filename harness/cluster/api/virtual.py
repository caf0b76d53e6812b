"""Resources without objects in the store: reviews, tokens, bindings by their old path, and what a metrics-server says.

Values in, values out: HTTP is not known here. Everything belongs to the kernel's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.cluster.api.auth import Reviews, ServiceAccountTokens, User
from harness.cluster.api.discovery.places import BINDINGS, CREATED_ONLY, METRICS, NODE_METRICS, POD_METRICS
from harness.cluster.api.routes import Route
from harness.kube import quantity, selectortext
from harness.kube.amounts import canonical
from harness.kube.errors import BadRequest, MethodNotAllowed, NotFound
from harness.kube.objects import Object, name_of
from harness.kube.resources import SERVICE_ACCOUNTS, Resource
from harness.kube.selectors import Selector

_METHOD = "the server does not allow this method on the requested resource"
_PLACES = {(entry.group, entry.version, entry.plural): entry for entry in (*CREATED_ONLY, *METRICS)}
_KIBI, _NANO = 1024, 10**9
TOKEN_REQUESTS = Resource("authentication.k8s.io", "v1", "tokenrequests", "TokenRequest")


class ResourceMetrics(Protocol):
    """What is known of the use of pods and nodes now."""

    def pod_metrics(self, namespace: str | None = None, selector: Selector | None = None) -> Sequence[Object]:
        """PodMetrics of one namespace, or of all."""

    def node_metrics(self, selector: Selector | None = None) -> Sequence[Object]:
        """NodeMetrics."""


def place(route: Route) -> Resource | None:
    """The virtual resource that a route names: one of its own, or the token of a service account."""
    if (route.group, route.plural, route.subresource) == ("", SERVICE_ACCOUNTS.plural, "token"):
        return TOKEN_REQUESTS
    return None if route.subresource else _PLACES.get((route.group, route.version, route.plural))


@dataclass(frozen=True)
class Virtual:
    """Answers for one cluster. `bind` is the store's; `metrics` gives the metrics-server, None while there is none."""

    reviews: Reviews
    tokens: ServiceAccountTokens
    bind: Callable[[str, str, str], None]
    metrics: Callable[[], ResourceMetrics | None] = lambda: None

    def create(self, resource: Resource, route: Route, user: User, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST. Raises ApiError."""
        if resource == TOKEN_REQUESTS:
            return self.tokens.request(route.namespace or "", route.name, body)
        if resource in METRICS or route.name:
            raise MethodNotAllowed(_METHOD, details={})
        if resource == BINDINGS:
            target, pod = body.get("target") or {}, (body.get("metadata") or {}).get("name")
            if target.get("kind", "Node") not in {"", "Node"} or not target.get("name") or not pod:
                raise BadRequest(f"a binding needs a pod's name and a target of kind Node with a name, got {target!r}")
            self.bind(route.namespace or "", str(pod), str(target["name"]))
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return self.reviews.answer(resource, user, body, route.namespace or "")

    def read(self, resource: Resource, route: Route, query: Mapping[str, str], *, table: bool) -> dict[str, Any]:
        """GET of metrics. Raises NotFound, MethodNotAllowed, BadRequest."""
        if resource not in METRICS:
            raise MethodNotAllowed(_METHOD, details={})
        source = self.metrics()
        if source is None:
            raise NotFound("the server could not find the requested resource", details={})
        try:
            selector = selectortext.parse(query.get("labelSelector", ""))
        except selectortext.BadSelector as error:
            raise BadRequest(str(error)) from error
        of_nodes = resource == NODE_METRICS
        items = source.node_metrics(selector) if of_nodes else source.pod_metrics(route.namespace, selector)
        if route.name:
            items = [item for item in items if name_of(item) == route.name]
            if not items:
                kind = "nodemetrics" if resource == NODE_METRICS else "podmetrics"
                full = f"{route.namespace}/{route.name}" if resource == POD_METRICS else route.name
                details = {"name": full, "group": resource.group, "kind": kind}
                raise NotFound(f'{kind}.{resource.group} "{full}" not found', details=details)
        if table:
            return metrics_table(items)
        if route.name:
            return dict(items[0])
        head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": {}}
        return {**head, "items": list(items)}


def metrics_table(items: Sequence[Object]) -> dict[str, Any]:
    """Metrics as the metrics-server prints them: a column for each measured resource."""
    names = sorted({name for item in items for usage in _usages(item) for name in usage})
    columns = [
        {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
        *({"name": name, "type": "string", "format": "quantity", "description": "", "priority": 0} for name in names),
        {"name": "Window", "type": "string", "format": "duration", "description": "", "priority": 0},
    ]
    rows = [
        {
            "cells": [name_of(item), *(_sum(item, name) for name in names), item.get("window", "")],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]},
        }
        for item in items
    ]
    head = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}}
    return {**head, "columnDefinitions": columns, "rows": rows}


def _usages(item: Object) -> list[Mapping[str, str]]:
    if "usage" in item:
        return [item["usage"]]
    return [container.get("usage") or {} for container in item.get("containers") or ()]


def _sum(item: Object, name: str) -> str:
    values = [usage[name] for usage in _usages(item) if name in usage]
    if len(values) == 1:
        return values[0]
    total = sum(map(quantity.parse, values))
    binary = any(value.endswith("i") for value in values)
    return str(canonical(f"{total / _KIBI:f}Ki" if binary else f"{total * _NANO:f}n"))
