"""The containers of a pod and its quality of service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.kube.quantity import parse

Draft = dict[str, Any]


def containers(spec: Mapping[str, Any]) -> Iterator[Draft]:
    """The init containers, then the containers, as far as they are objects."""
    yield from _dicts(spec.get("initContainers"))
    yield from _dicts(spec.get("containers"))


def qos_class(spec: Mapping[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort (`pkg/apis/core/helper/qos`): by the pod's own resources, if it has any, or its containers'."""
    own = spec.get("resources") or {}
    if own.get("requests") or own.get("limits"):
        resources: list[Mapping[str, Any]] = [own]
    else:
        resources = [container.get("resources") or {} for container in containers(spec)]
    guaranteed = True
    anything = False
    for amounts in resources:
        requests, limits = amounts.get("requests") or {}, amounts.get("limits") or {}
        if not requests and not limits:
            guaranteed = False
            continue
        for name in ("cpu", "memory"):
            request, limit = parse(requests.get(name, 0)), parse(limits.get(name, 0))
            anything = anything or bool(request or limit)
            guaranteed = guaranteed and bool(limit) and request == limit
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _dicts(value: Any) -> Iterator[Draft]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list | tuple) else iter(())
