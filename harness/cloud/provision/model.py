"""The values of provisioning: what is wanted, what was made, what differs, and the seam that a resource type fills.

A type's module says which properties it applies, creates the resource through the service's API, and reads it back;
the comparison itself is one function for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.cloud.standin import Services


@dataclass(frozen=True)
class Wanted:
    """A template resource with its properties resolved."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"{self.stack}/{self.logical_id} ({self.type})"

    def physical_name(self, length_max: int, *, lower: bool = False) -> str:
        """A name as CloudFormation makes one up: stack, logical id and twelve characters, which here follow from the two."""
        suffix = hashlib.sha256(f"{self.stack}/{self.logical_id}".encode()).hexdigest()[:12].upper()
        room = length_max - len(suffix) - 2
        stack_room = max(room - len(self.logical_id), room // 2)
        name = f"{self.stack[:stack_room]}-{self.logical_id[: room - min(len(self.stack), stack_room)]}-{suffix}"
        return name.lower() if lower else name


@dataclass(frozen=True)
class Physical:
    """What `Ref` and `Fn::GetAtt` give."""

    ref: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """A resource that exists."""

    wanted: Wanted
    physical: Physical


@dataclass(frozen=True)
class Difference:
    """A field that is not at the stand-in as the template wants it."""

    place: str
    field: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.place}: {self.field} should be {self.expected!r}, the stand-in has {self.found!r}"


class ProvisionFailed(Exception):
    """A resource that could not be created, or that reads back differently."""


class ReadBackDiffers(ProvisionFailed):
    """The stand-in does not hold what the template says; `differences` lists every field."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__("\n".join(str(difference) for difference in differences))
        self.differences = tuple(differences)


Fields = Mapping[str, Any]


class ResourceType(Protocol):
    """One CloudFormation type."""

    name: str
    applied: frozenset[str]

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """Create it; errors of the API are passed on."""

    def expected(self, made: Made) -> Fields:
        """The fields that matter, as the template wants them."""

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """The same fields as the stand-in has them, by `Ref`, for all resources of the type at once."""


def tags_of(wanted: Wanted, key: str = "Tags") -> list[dict[str, str]]:
    """The resource's tags as a list of Key and Value."""
    return [{"Key": str(tag["Key"]), "Value": str(tag["Value"])} for tag in wanted.properties.get(key) or ()]


def tag_map(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """A list of Key and Value as a map; tags that AWS sets itself are left out."""
    return {tag["Key"]: tag["Value"] for tag in tags or () if not tag["Key"].startswith("aws:")}


def given(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the named properties that are set."""
    return {name: properties[name] for name in names if properties.get(name) is not None}


def lower_first(value: Any) -> Any:
    """A CloudFormation structure in the spelling of the newer APIs: `ScalingConfig.MinSize` becomes `scalingConfig.minSize`."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: lower_first(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [lower_first(item) for item in value]
    return value
