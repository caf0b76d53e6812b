"""The order in which a stack's resources are created: each after those that it refers to or depends on, otherwise as the
template lists them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.cloud.assembly.errors import CircularDependency, Unresolvable
from harness.cloud.assembly.template import Stack, TemplateResource

_SUBSTITUTED = re.compile(r"\$\{([^!}][^}]*)\}")


def creation_order(stack: Stack) -> list[TemplateResource]:
    """All resources of `stack`, dependencies first.

    Raises CircularDependency, or Unresolvable for a DependsOn that names nothing.
    """
    needs = {logical_id: _needs(resource, stack) for logical_id, resource in stack.resources.items()}
    ordered: dict[str, TemplateResource] = {}
    waiting: list[str] = []

    def visit(logical_id: str) -> None:
        if logical_id in ordered:
            return
        if logical_id in waiting:
            cycle = [*waiting[waiting.index(logical_id) :], logical_id]
            raise CircularDependency(f"{stack.name}: resources wait for each other: {' -> '.join(cycle)}")
        waiting.append(logical_id)
        for needed in needs[logical_id]:
            visit(needed)
        waiting.pop()
        ordered[logical_id] = stack.resources[logical_id]

    for logical_id in stack.resources:
        visit(logical_id)
    return list(ordered.values())


def _needs(resource: TemplateResource, stack: Stack) -> list[str]:
    for needed in resource.depends_on:
        if needed not in stack.resources:
            raise Unresolvable(f"{resource.place}: DependsOn names {needed}, which is not in the stack")
    named = [*resource.depends_on, *_references(resource.properties)]
    return [name for name in dict.fromkeys(named) if name in stack.resources]


def _references(value: Any) -> Iterator[str]:
    """Logical ids (and parameter names) that `value` refers to."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key == "Ref":
                yield str(item)
            elif key == "Fn::GetAtt":
                yield item.split(".", 1)[0] if isinstance(item, str) else str(item[0])
            elif key == "Fn::Sub":
                text = item if isinstance(item, str) else item[0]
                yield from (name.split(".", 1)[0] for name in _SUBSTITUTED.findall(text))
                yield from _references([] if isinstance(item, str) else item[1])
            else:
                yield from _references(item)
