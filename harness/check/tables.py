"""What a plan says beside templates and manifests, as tables: CDK properties, costs, services used, a repository's files, its scripts' options.

Each is a YAML file that is known by its top key: `constructs`, `costs`, `aws_services`, `repository_files`, `scripts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Construct:
    """The properties that CDK code gives a construct; `type` is their property type, such as `aws_s3.BucketProps`."""

    place: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class CostLine:
    """Ranges are (low, high); None where the table gives no figure."""

    place: str
    today_usd_per_month: tuple[float, float] | None
    cloud_usd_per_month: tuple[float, float] | None
    savings_usd_per_year: tuple[float, float] | None


@dataclass(frozen=True)
class UsedService:
    place: str
    name: str


@dataclass(frozen=True)
class Script:
    """A program's options as argparse knows them: name to number of values, globally and for each subcommand."""

    path: str
    options: Mapping[str, int]
    subcommands: Mapping[str, Mapping[str, int]]


def constructs(path: str, content: Mapping[str, Any]) -> tuple[Construct, ...]:
    return tuple(
        Construct(f"{path}#{item['id']}", str(item["type"]), item.get("properties") or {})
        for item in content.get("constructs") or ()
    )


def cost_lines(path: str, content: Mapping[str, Any]) -> tuple[CostLine, ...]:
    return tuple(
        CostLine(
            f"{path}#{item['component']}",
            _range(item.get("today_usd_per_month")),
            _range(item.get("cloud_usd_per_month")),
            _range(item.get("savings_usd_per_year")),
        )
        for item in content.get("costs") or ()
    )


def used_services(path: str, content: Mapping[str, Any]) -> tuple[UsedService, ...]:
    return tuple(
        UsedService(f"{path}#{item['component']}", str(name))
        for item in content.get("aws_services") or ()
        for name in item.get("services") or ()
    )


def scripts(_path: str, content: Mapping[str, Any]) -> tuple[Script, ...]:
    found = content.get("scripts")
    return tuple(
        Script(
            str(item["path"]),
            item.get("options") or {},
            {str(name): options or {} for name, options in (item.get("subcommands") or {}).items()},
        )
        for item in (found if isinstance(found, list) else ())
        if isinstance(item, Mapping) and "path" in item
    )


def repository_files(content: Mapping[str, Any]) -> frozenset[str] | None:
    found = content.get("repository_files")
    return frozenset(map(str, found)) if isinstance(found, list) else None


def _range(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    low, high = value if isinstance(value, list) else (value, value)
    return float(low), float(high)
