"""Tables of custom resources: additionalPrinterColumns with their JSONPath (the part of it that such columns use)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from harness.cluster.api.tables.columns import Column, Printer, age, name_column, since
from harness.kube.objects import Object, name_of

_STEP = re.compile(
    r"\.(?P<field>(?:[^.\[\]\\]|\\.)+)|\[(?P<index>-?\d+|\*)\]|\['(?P<quoted>[^']*)'\]|"
    r"\[\?\(@\.(?P<key>[\w.]+)\s*==\s*['\"](?P<value>[^'\"]*)['\"]\)\]"
)
Step = tuple[str, str, str]


def custom_printer(columns: Sequence[Mapping[str, Any]]) -> Printer:
    """Name and the declared columns; Name and Age when there are none."""
    if not columns:
        return Printer((name_column(), Column("Age", "date")), lambda obj, now: [name_of(obj), age(obj, now)])
    declared = tuple(
        Column(
            str(column["name"]),
            str(column.get("type", "string")),
            int(column.get("priority", 0)),
            str(column.get("format", "")),
            str(column.get("description", "")),
        )
        for column in columns
    )
    paths = tuple(str(column.get("jsonPath", "")) for column in columns)

    def cells(obj: Object, now_us: int) -> list[Any]:
        pairs = zip(declared, paths, strict=True)
        return [name_of(obj), *(_cell(obj, column, path, now_us) for column, path in pairs)]

    return Printer((name_column(), *declared), cells)


def _cell(obj: Object, column: Column, path: str, now_us: int) -> Any:
    values = find(obj, path)
    if not values:
        return None
    if column.type == "date":
        return since(str(values[0]), now_us)
    if column.type in {"integer", "number", "boolean"}:
        return values[0]
    return ",".join(value if isinstance(value, str) else _text(value) for value in values)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def find(obj: Any, path: str) -> list[Any]:
    """What a JSONPath such as `.status.conditions[?(@.type=="Ready")].status` finds."""
    found = [obj]
    for kind, name, value in _steps(path):
        found = [item for entry in found for item in _follow(entry, kind, name, value)]
    return [item for item in found if item is not None]


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[Step, ...]:
    steps: list[Step] = []
    for match in _STEP.finditer(path.strip().removeprefix("{").removesuffix("}")):
        if match["field"] is not None:
            steps.append(("field", re.sub(r"\\(.)", r"\1", match["field"]), ""))
        elif match["quoted"] is not None:
            steps.append(("field", match["quoted"], ""))
        elif match["index"] is not None:
            steps.append(("index", match["index"], ""))
        else:
            steps.append(("where", match["key"], match["value"]))
    return tuple(steps)


def _follow(entry: Any, kind: str, name: str, value: str) -> list[Any]:
    if kind == "field":
        return [entry[name]] if isinstance(entry, Mapping) and name in entry else []
    if not isinstance(entry, list | tuple):
        return []
    if kind == "where":
        return [item for item in entry if isinstance(item, Mapping) and str(item.get(name)) == value]
    if name == "*":
        return list(entry)
    return [entry[int(name)]] if -len(entry) <= int(name) < len(entry) else []
