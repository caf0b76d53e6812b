"""Loops: a task or step with withItems, withParam or withSequence becomes one a item, named `task(0:item)`.

Follows Argo Workflows 4.1 `workflow/controller/steps.go` (expandStep, processItem, expandSequence).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from harness.workflows.durations import parse_count
from harness.workflows.errors import InvalidSpec
from harness.workflows.scope import text
from harness.workflows.substitute import Scope, substitute

_FORMAT = re.compile(r"%0?(\d*)([dxX])")


def expand(task: Mapping[str, Any], scope: Scope) -> list[dict[str, Any]] | None:
    """The tasks of a loop, None for a task without one. Raises InvalidSpec."""
    if task.get("withItems") is not None:
        items = list(task["withItems"])
    elif task.get("withParam"):
        items = _parameter(str(task["withParam"]))
    elif task.get("withSequence") is not None:
        items = _sequence(task["withSequence"])
    else:
        return None
    bare = {key: value for key, value in task.items() if key not in {"withItems", "withParam", "withSequence"}}
    return [_one(bare, index, item, scope) for index, item in enumerate(items)]


def _parameter(value: str) -> list[Any]:
    try:
        items = json.loads(value)
    except ValueError:
        raise InvalidSpec(f"withParam value could not be parsed as a JSON list: {value.strip()}") from None
    if not isinstance(items, list):
        raise InvalidSpec(f"withParam value could not be parsed as a JSON list: {value.strip()}")
    return items


def _sequence(sequence: Mapping[str, Any]) -> list[str]:
    start = parse_count(sequence.get("start", 0), "withSequence.start")
    if sequence.get("end") is not None:
        end = parse_count(sequence["end"], "withSequence.end")
    elif sequence.get("count") is not None:
        count = parse_count(sequence["count"], "withSequence.count")
        if count == 0:
            return []
        end = start + count - 1
    else:
        raise InvalidSpec("must have one of (count, end)")
    numbers = range(start, end + 1) if start <= end else range(start, end - 1, -1)
    layout = str(sequence.get("format") or "%d")
    if _FORMAT.search(layout) is None:
        raise InvalidSpec(f"withSequence.format {layout!r} has no %d, %x or %X")
    return [_FORMAT.sub(lambda found, number=number: _format(found, number), layout) for number in numbers]  # type: ignore[misc]


def _format(found: re.Match[str], number: int) -> str:
    padding = "0" if found.group(0).startswith("%0") else ""
    return format(number, f"{padding}{found.group(1)}{found.group(2)}")


def _one(task: Mapping[str, Any], index: int, item: Any, scope: Scope) -> dict[str, Any]:
    local: dict[str, str] = {"item": text(item) if not isinstance(item, Mapping | list) else _compact(item)}
    label = local["item"]
    if isinstance(item, Mapping):
        fields = {str(key): text(value) for key, value in item.items()}
        local.update({f"item.{key}": value for key, value in fields.items()})
        label = ",".join(f"{key}:{fields[key]}" for key in sorted(fields))
    name = f"{task['name']}({index}:{label})"
    expanded: dict[str, Any] = substitute(dict(task), {**scope, **local})
    return {**expanded, "name": name}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
