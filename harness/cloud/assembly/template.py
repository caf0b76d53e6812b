"""Reads `infra/rendered/<env>/`: the ordered stacks and their CloudFormation templates, as values.

Layout: `templates/stacks.json` is an ordered list of `{name, template, depends_on}`; `template` is the name of a file
beside it. Nothing is resolved here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cloud.assembly.errors import CircularDependency, TemplateUnreadable


@dataclass(frozen=True)
class TemplateResource:
    """One entry of `Resources`, unresolved."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...] = ()
    condition: str | None = None

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"{self.stack}/{self.logical_id} ({self.type})"


@dataclass(frozen=True)
class Stack:
    """One template with its name and the stacks that come before it."""

    name: str
    depends_on: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    resources: Mapping[str, TemplateResource]
    outputs: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Assembly:
    """All stacks of an environment, each after those it depends on."""

    stacks: tuple[Stack, ...]

    def resources(self) -> list[TemplateResource]:
        """Every resource of every stack, in template order."""
        return [resource for stack in self.stacks for resource in stack.resources.values()]


def load(directory: Path) -> Assembly:
    """The assembly of an environment whose rendered files are in `directory`.

    Raises TemplateUnreadable or CircularDependency.
    """
    index = directory / "templates" / "stacks.json"
    entries = _read_json(index)
    if not isinstance(entries, list):
        raise TemplateUnreadable(f"{index}: not a list of stacks, render the environment again")
    stacks = [_read_stack(index, entry) for entry in entries]
    return Assembly(tuple(_in_order(stacks, index)))


def parse_stack(name: str, body: Mapping[str, Any], depends_on: Sequence[str] = ()) -> Stack:
    """The stack that a template's JSON describes.

    Raises TemplateUnreadable.
    """
    resources: dict[str, TemplateResource] = {}
    for logical_id, entry in (body.get("Resources") or {}).items():
        if "Type" not in entry:
            raise TemplateUnreadable(f"{name}/{logical_id}: a resource without Type")
        depends = entry.get("DependsOn") or ()
        resources[logical_id] = TemplateResource(
            stack=name,
            logical_id=logical_id,
            type=entry["Type"],
            properties=entry.get("Properties") or {},
            depends_on=(depends,) if isinstance(depends, str) else tuple(depends),
            condition=entry.get("Condition"),
        )
    return Stack(
        name=name,
        depends_on=tuple(depends_on),
        parameters=body.get("Parameters") or {},
        mappings=body.get("Mappings") or {},
        conditions=body.get("Conditions") or {},
        resources=resources,
        outputs=body.get("Outputs") or {},
    )


def _read_stack(index: Path, entry: Any) -> Stack:
    if not isinstance(entry, dict) or "name" not in entry or "template" not in entry:
        raise TemplateUnreadable(f"{index}: an entry needs name and template, found {entry!r}")
    found = index.with_name(str(entry["template"]))
    body = _read_json(found)
    if not isinstance(body, dict) or "Resources" not in body:
        raise TemplateUnreadable(f"{found}: no CloudFormation template, it has no Resources")
    return parse_stack(str(entry["name"]), body, entry.get("depends_on") or ())


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise TemplateUnreadable(f"{path}: no such file, render the environment first") from error
    except json.JSONDecodeError as error:
        raise TemplateUnreadable(f"{path}: not JSON ({error}), render the environment again") from error


def _in_order(stacks: Sequence[Stack], index: Path) -> list[Stack]:
    names = {stack.name for stack in stacks}
    for stack in stacks:
        for needed in stack.depends_on:
            if needed not in names:
                raise TemplateUnreadable(f"{index}: stack {stack.name} depends on {needed}, which is not listed")
    done: list[Stack] = []
    left = list(stacks)
    while left:
        placed = [stack.name for stack in done]
        ready = next((stack for stack in left if all(needed in placed for needed in stack.depends_on)), None)
        if ready is None:
            raise CircularDependency(f"{index}: stacks wait for each other: {', '.join(stack.name for stack in left)}")
        left.remove(ready)
        done.append(ready)
    return done
