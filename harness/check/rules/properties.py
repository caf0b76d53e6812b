"""Properties that a CloudFormation resource or a CDK construct does not have, lacks, or has with other values: the deployment or the compiler refuses them.

Types that the table of fixtures/facts does not hold are not judged.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from fixtures.facts.shapes import enumeration, shape
from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "invalid-property"
_FEW = 16


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for resource in plan.resources:
        yield from _judge(resource.place, resource.type, resource.properties)
    for construct in plan.constructs:
        yield from _judge(construct.place, construct.type, construct.properties)


def _judge(place: str, name: str, value: Any) -> Iterator[Finding]:
    """One value against the shape, the list of shapes or the enumeration called `name`."""
    if name.startswith("["):
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from _judge(f"{place}[{index}]", name[1:-1], item)
        return
    allowed = enumeration(name)
    if allowed is not None:
        if isinstance(value, str) and value not in allowed:
            yield Finding(place, NAME, f"{value!r} is not one of {', '.join(allowed)}: use one of them")
        return
    found = shape(name)
    if found is None or not isinstance(value, Mapping) or _is_intrinsic(value):
        return
    for key, inner in value.items():
        if key in found.properties:
            yield from _judge(f"{place}.{key}", found.properties[key], inner)
        else:
            yield Finding(
                f"{place}.{key}", NAME, f"{name} has no property {key}: {_remedy(str(key), found.properties)}"
            )
    for key in found.required:
        if key not in value:
            yield Finding(f"{place}.{key}", NAME, f"{name} needs the property {key}: give it")


def _is_intrinsic(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and (key := str(next(iter(value)))).startswith(("Fn::", "Ref")) and key != "References"


def _remedy(key: str, properties: Mapping[str, str]) -> str:
    begins = [name for name in properties if name.lower().startswith(key.lower())]
    close = begins or get_close_matches(key, properties, n=1, cutoff=0.75)
    if close:
        return f"write {close[0]}"
    return f"it has {', '.join(properties)}" if len(properties) <= _FEW else "remove it"
