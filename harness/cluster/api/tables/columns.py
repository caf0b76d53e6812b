"""Columns, printers, and how ages are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import SECOND, parse_time
from harness.kube.objects import Object

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"


@dataclass(frozen=True)
class Column:
    """One column; priority 1 is only for `-o wide`."""

    name: str
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""

    def definition(self) -> dict[str, Any]:
        """As in a Table."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


@dataclass(frozen=True)
class Printer:
    """The columns of a type, the cells of an object at a moment, and the conditions of its row."""

    columns: tuple[Column, ...]
    cells: Callable[[Object, int], list[Any]]
    conditions: Callable[[Object], list[dict[str, Any]]] = lambda _obj: []


def name_column() -> Column:
    """The first column of nearly every table."""
    return Column("Name", format="name", description="Name must be unique within a namespace.")


def wide(*names: str) -> tuple[Column, ...]:
    """Columns of `-o wide`."""
    return tuple(Column(name, priority=1) for name in names)


def age(obj: Object, now_us: int) -> str:
    """How long ago the object was created."""
    return since(obj["metadata"].get("creationTimestamp"), now_us)


def since(stamp: str | None, now_us: int) -> str:
    """How long ago a moment was."""
    return UNKNOWN if not stamp else human_duration((now_us - parse_time(stamp)) // SECOND)


def human_duration(seconds: int) -> str:
    """Apimachinery `util/duration` HumanDuration."""
    if seconds < 0:
        return "<invalid>" if seconds < -1 else "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first}{unit}{second}{smaller}" if second else f"{first}{unit}"


def dig(obj: Any, *path: str | int) -> Any:
    """The value at a path, None when a part is missing."""
    for part in path:
        if isinstance(part, int):
            obj = obj[part] if isinstance(obj, list | tuple) and part < len(obj) else None
        else:
            obj = obj.get(part) if isinstance(obj, Mapping) else None
    return obj


def some(texts: Sequence[str], shown: int, separator: str) -> str:
    """The first of a list, and how many more there are."""
    more = f" + {len(texts) - shown} more..." if len(texts) > shown else ""
    return separator.join(texts[:shown]) + more


def label_map(labels: Mapping[str, Any] | None) -> str:
    """Labels as text (labels.FormatLabels)."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def label_selector(selector: Mapping[str, Any] | None) -> str:
    """A selector as text (metav1.FormatLabelSelector)."""
    if selector is None:
        return NONE
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for entry in selector.get("matchExpressions") or ():
        values = ",".join(sorted(entry.get("values") or ()))
        form = {
            "In": "{key} in ({values})",
            "NotIn": "{key} notin ({values})",
            "Exists": "{key}",
            "DoesNotExist": "!{key}",
        }
        parts.append((entry["key"], form[entry["operator"]].format(key=entry["key"], values=values)))
    return ",".join(text for _, text in sorted(parts)) or NONE


def container_columns(spec: Mapping[str, Any]) -> tuple[str, str]:
    """Names and images of a pod spec's containers."""
    containers = spec.get("containers") or ()
    names = ",".join(str(container.get("name", "")) for container in containers)
    return names, ",".join(str(container.get("image", "")) for container in containers)
