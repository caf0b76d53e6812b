"""Resources of CloudFormation templates, and the node groups among them in the words of Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
_DEFAULT_TYPES = ("t3.medium",)  # of a managed node group that names none


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of one template; `stacks` are the stacks that the template is deployed as."""

    place: str
    template: str
    stacks: tuple[str, ...]
    logical_id: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Taint:
    key: str
    value: str
    effect: str

    @property
    def repels(self) -> bool:
        """Whether it keeps pods away; PreferNoSchedule only asks."""
        return self.effect != "PreferNoSchedule"

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}"


@dataclass(frozen=True, kw_only=True)
class NodeGroup:
    """A managed node group; `name` is None when CloudFormation makes it up."""

    place: str
    logical_id: str
    cluster: str
    name: str | None
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    instance_types: tuple[str, ...]
    capacity_type: str
    min_size: int


def is_template(content: Any) -> bool:
    """Whether a document is a CloudFormation template."""
    resources = content.get("Resources") if isinstance(content, Mapping) else None
    return isinstance(resources, Mapping) and any(isinstance(r, Mapping) and "Type" in r for r in resources.values())


def resources_of(template: str, content: Mapping[str, Any], stacks: tuple[str, ...]) -> tuple[Resource, ...]:
    return tuple(
        Resource(
            place=f"{template}#{logical_id}",
            template=template,
            stacks=stacks,
            logical_id=str(logical_id),
            type=str(resource["Type"]),
            properties=resource.get("Properties") or {},
        )
        for logical_id, resource in content["Resources"].items()
    )


def node_group(resource: Resource) -> NodeGroup:
    """The node group of an `AWS::EKS::Nodegroup`."""
    properties = resource.properties
    name = properties.get("NodegroupName")
    return NodeGroup(
        place=resource.place,
        logical_id=resource.logical_id,
        cluster=_cluster(resource),
        name=name if isinstance(name, str) else None,
        labels={str(k): str(v) for k, v in (properties.get("Labels") or {}).items()},
        taints=tuple(
            Taint(str(t["Key"]), str(t.get("Value", "")), _EFFECTS.get(str(t["Effect"]), str(t["Effect"])))
            for t in properties.get("Taints") or ()
        ),
        instance_types=tuple(properties.get("InstanceTypes") or _DEFAULT_TYPES),
        capacity_type=str(properties.get("CapacityType", "ON_DEMAND")),
        min_size=int((properties.get("ScalingConfig") or {}).get("MinSize", 1)),
    )


def _cluster(group: Resource) -> str:
    """One text for each cluster: a name or an import is the same everywhere, a reference only within its template."""
    name = group.properties.get("ClusterName")
    if isinstance(name, str):
        return name
    text = json.dumps(name, sort_keys=True)
    return text if "ImportValue" in text else f"{group.template}#{text}"
