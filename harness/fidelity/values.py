"""Durations as people write them, places inside objects, and conditions on objects: the small words that traces are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from harness.clock import SECOND, seconds
from harness.kube import resources
from harness.kube.objects import Object, labels_of, name_of
from harness.kube.resources import Resource

KINDS: Mapping[str, Resource] = {
    resource.kind: resource
    for resource in reversed([value for value in vars(resources).values() if isinstance(value, Resource)])
}
"""By kind; of several versions the one that is declared first."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_STEP = re.compile(r"([^.\[\]]+)|\[([^=\]]+)=([^\]]*)\]|\[(\d+)\]")
_COUNT = re.compile(r"(>=|<=|==|>|<)?\s*(\d+)")


class TraceError(ValueError):
    """A trace that cannot be played: place, finding, remedy."""


def duration_us(value: Any, place: str) -> int:
    """`90`, `"90s"`, `"1m30s"`, `"250ms"` as microseconds; a leading minus is understood."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return seconds(value)
    text = str(value)
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    parts = _DURATION.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise TraceError(f"{place}: {value!r} is no duration: write 90s, 1m30s or 250ms")
    return sign * round(sum(float(number) * _UNITS[unit] for number, unit in parts) * SECOND)


def lookup(obj: Any, path: str) -> Any:
    """The value at `status.conditions[type=Ready].status` or `spec.containers[0].image`; None where nothing is."""
    found = obj
    for key, attribute, wanted, index in _STEP.findall(path):
        if key:
            found = found.get(key) if isinstance(found, Mapping) else None
        elif attribute:
            entries = found if isinstance(found, list | tuple) else ()
            found = next((entry for entry in entries if str(entry.get(attribute)) == wanted), None)
        else:
            found = found[int(index)] if isinstance(found, list | tuple) and int(index) < len(found) else None
        if found is None:
            return None
    return found


@dataclass(frozen=True)
class Match:
    """Objects of a kind: by name (a glob), labels, and values at places (None: nothing is there)."""

    name: str = "*"
    labels: tuple[tuple[str, str], ...] = ()
    where: tuple[tuple[str, Any], ...] = ()

    def matches(self, obj: Object) -> bool:
        """Whether all of it holds."""
        labels = labels_of(obj)
        return (
            fnmatchcase(name_of(obj), self.name)
            and all(labels.get(key) == value for key, value in self.labels)
            and all(_same(lookup(obj, path), wanted) for path, wanted in self.where)
        )


def _same(found: Any, wanted: Any) -> bool:
    """Equal; a number that is not set counts as 0, as in Kubernetes' own JSON."""
    return bool(found == wanted or (wanted == 0 and wanted is not False and found is None))


@dataclass(frozen=True)
class Condition:
    """So many objects of a kind match."""

    resource: Resource
    match: Match
    operator: str = ">="
    count: int = 1

    def holds(self, objects: Iterable[Object]) -> bool:
        """Whether it is so."""
        found = sum(1 for obj in objects if self.match.matches(obj))
        return {
            ">=": found >= self.count,
            "<=": found <= self.count,
            "==": found == self.count,
            ">": found > self.count,
            "<": found < self.count,
        }[self.operator]

    def __str__(self) -> str:
        wanted = [f"{path}={value}" for path, value in (*self.match.labels, *self.match.where)]
        return f"{self.operator}{self.count} {self.resource.kind} {self.match.name} {' '.join(wanted)}".rstrip()


def parse_match(body: Mapping[str, Any]) -> Match:
    """From `name`, `labels` and `where`."""
    return Match(
        name=str(body.get("name", "*")),
        labels=tuple((str(key), str(value)) for key, value in (body.get("labels") or {}).items()),
        where=tuple((body.get("where") or {}).items()),
    )


def parse_condition(body: Mapping[str, Any], place: str) -> Condition:
    """From `kind`, `name`, `labels`, `where` and `count` (`3`: exactly that, `">=2"`, default at least one)."""
    allow(body, {"kind", "name", "labels", "where", "count"}, place)
    operator, count = ">=", 1
    if "count" in body:
        match = _COUNT.fullmatch(str(body["count"]))
        if match is None:
            raise TraceError(f"{place}.count: {body['count']!r} is no count: write 3 or '>=3'")
        operator, count = match[1] or "==", int(match[2])
    return Condition(kind_of(body.get("kind"), place), parse_match(body), operator, count)


def kind_of(kind: Any, place: str) -> Resource:
    """The resource type of a kind."""
    if kind not in KINDS:
        raise TraceError(f"{place}: {kind!r} is no kind that is known here")
    return KINDS[kind]


def allow(body: Any, keys: set[str], place: str) -> None:
    """Refuse what is no mapping, and keys that nobody reads."""
    if not isinstance(body, Mapping):
        raise TraceError(f"{place}: {body!r} is no mapping")
    if unknown := sorted(set(body) - keys):
        raise TraceError(f"{place}: {unknown[0]!r} is not known: there are {', '.join(sorted(keys))}")
