"""Between the versions in which a type is served and the one in which it is stored (`pkg/apis/*/v1/conversion.go`, Kubernetes 1.34). Pure.

The versions of a custom type differ in name only: strategy `None` is the one conversion that they have here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.conversion import autoscaling, events
from harness.kube.objects import Object
from harness.kube.resources import EVENTS_V1, HORIZONTAL_POD_AUTOSCALERS_V1, Resource

Draft = dict[str, Any]
_TO_STORAGE: Mapping[Resource, Callable[[Draft], Draft]] = {
    HORIZONTAL_POD_AUTOSCALERS_V1: autoscaling.to_v2,
    EVENTS_V1: events.to_core,
}
_FROM_STORAGE: Mapping[Resource, Callable[[Object], Draft]] = {
    HORIZONTAL_POD_AUTOSCALERS_V1: autoscaling.to_v1,
    EVENTS_V1: events.to_events,
}


def to_storage(asked: Resource, storage: Resource, draft: Draft) -> Draft:
    """An object of version `asked` as it is stored."""
    convert = _TO_STORAGE.get(asked)
    converted = draft if convert is None else convert(draft)
    converted["apiVersion"] = storage.api_version
    return converted


def from_storage(asked: Resource, obj: Object) -> Object:
    """A stored object as version `asked` shows it."""
    convert = _FROM_STORAGE.get(asked)
    converted = dict(obj) if convert is None else convert(obj)
    converted["apiVersion"] = asked.api_version
    return converted
