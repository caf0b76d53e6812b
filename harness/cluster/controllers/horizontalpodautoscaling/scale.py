"""The scale of what an autoscaler refers to: built-in workloads and custom resources with a scale subresource (`scaleForResourceMappings`, 1.34)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.cluster.controllers.kinds import Kinds, ScalePaths, at_path, patch_at
from harness.kube.client import Reader, Writer
from harness.kube.errors import NotFound
from harness.kube.objects import Object
from harness.kube.resources import Resource
from harness.kube.selectors import Selector, from_labels, from_object
from harness.kube.selectortext import parse


class NoScale(Exception):
    """A target whose scale cannot be had; the text is upstream's."""


@dataclass(frozen=True)
class Scale:
    """What autoscaling/v1 Scale says; `selector` is None where the target gives none."""

    resource: Resource
    namespace: str
    name: str
    paths: ScalePaths
    replicas: int
    status_replicas: int
    selector: Selector | None


def scale_of(reader: Reader, kinds: Kinds, namespace: str, reference: Mapping[str, Any]) -> Scale:
    """The scale behind a CrossVersionObjectReference. Raises NoScale."""
    group = str(reference.get("apiVersion") or "").rpartition("/")[0]
    resource = kinds.find_kind(group, str(reference["kind"]))
    if resource is None:
        raise NoScale(f'no matches for kind "{reference["kind"]}" in group "{group}"')
    paths = kinds.scale_of(resource)
    if paths is None:
        raise NoScale("the server could not find the requested resource")
    name = str(reference["name"])
    obj = reader.get(resource, namespace if resource.namespaced else None, name)
    if obj is None:
        raise NoScale(str(NotFound.of(resource, name)))
    return Scale(
        resource,
        namespace,
        name,
        paths,
        int(at_path(obj, paths.spec_replicas) or 0),
        int(at_path(obj, paths.status_replicas) or 0),
        _selector(obj, paths),
    )


def write_replicas(writer: Writer, scale: Scale, replicas: int) -> None:
    """Set the replicas. Raises ApiError."""
    writer.patch(scale.resource, scale.namespace, scale.name, patch_at(scale.paths.spec_replicas, replicas))


def selector_text(selector: Selector) -> str:
    """As `labels.Selector` prints itself."""
    parts = []
    for one in selector.requirements:
        if one.operator == "In" and len(one.values) == 1:
            parts.append(f"{one.key}={one.values[0]}")
        elif one.operator in {"In", "NotIn"}:
            parts.append(f"{one.key} {one.operator.lower()} ({','.join(sorted(one.values))})")
        else:
            parts.append(one.key if one.operator == "Exists" else f"!{one.key}")
    return ",".join(sorted(parts))


def _selector(obj: Object, paths: ScalePaths) -> Selector | None:
    if paths.selector is not None:
        text = at_path(obj, paths.selector)
        return parse(str(text)) if text else None
    value = (obj.get("spec") or {}).get("selector")
    if not value:
        return None
    if "matchLabels" not in value and "matchExpressions" not in value:
        return from_labels(value)  # a ReplicationController's
    return from_object(value)
