"""Argo Workflows of a plan: their templates, and the tasks of DAGs and steps with what each waits for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.check.manifests import WORKFLOW_KINDS, Manifest, workflow_spec
from harness.check.model import Plan

_TASK_IN_DEPENDS = re.compile(r"(?P<name>[A-Za-z0-9][\w-]*)(?:\.(?P<outcome>[A-Za-z]+))?")


@dataclass(frozen=True, kw_only=True)
class Task:
    """`waits_for` are the tasks whose end it needs; `text` is what names and annotations say of it."""

    place: str
    name: str
    template: str | None
    waits_for: frozenset[str]
    text: str


@dataclass(frozen=True)
class Workflow:
    manifest: Manifest
    spec: Mapping[str, Any]

    @property
    def templates(self) -> dict[str, Mapping[str, Any]]:
        return {str(t.get("name")): t for t in self.spec.get("templates") or ()}

    @property
    def is_whole(self) -> bool:
        """Whether its templates are its own, not those of a WorkflowTemplate that it names."""
        return "workflowTemplateRef" not in self.spec

    def tasks(self, template: Mapping[str, Any]) -> tuple[Task, ...]:
        """The tasks of a DAG or of steps."""
        place = f"{self.manifest.place}/{template.get('name')}"
        dag = (template.get("dag") or {}).get("tasks") or ()
        if dag:
            return tuple(self._task(place, task, _dependencies(task, self._daemons(dag))) for task in dag)
        return tuple(self._steps(place, template.get("steps") or ()))

    def _steps(self, place: str, groups: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[Task]:
        before: frozenset[str] = frozenset()
        for group in groups:
            members = group if isinstance(group, list | tuple) else (group,)
            for step in members:
                yield self._task(place, step, before)
            ends = frozenset(str(step["name"]) for step in members) - self._daemons(members)
            before = ends or before

    def _task(self, place: str, task: Mapping[str, Any], waits_for: frozenset[str]) -> Task:
        template = task.get("template")
        annotations = (self.templates.get(str(template), {}).get("metadata") or {}).get("annotations") or {}
        return Task(
            place=f"{place}/{task['name']}",
            name=str(task["name"]),
            template=str(template) if template is not None else None,
            waits_for=waits_for,
            text=" ".join([str(task["name"]), str(template or ""), *(f"{k} {v}" for k, v in annotations.items())]),
        )

    def _daemons(self, tasks: Sequence[Mapping[str, Any]]) -> frozenset[str]:
        """Tasks whose dependants go on when it is ready, not when it ends."""
        return frozenset(
            str(t["name"]) for t in tasks if self.templates.get(str(t.get("template")), {}).get("daemon") is True
        )


def workflows(plan: Plan) -> tuple[Workflow, ...]:
    return tuple(Workflow(m, workflow_spec(m)) for m in plan.manifests if m.kind in WORKFLOW_KINDS)


def _dependencies(task: Mapping[str, Any], daemons: frozenset[str]) -> frozenset[str]:
    names = {str(name) for name in task.get("dependencies") or ()}
    for found in _TASK_IN_DEPENDS.finditer(str(task.get("depends") or "")):
        if found["outcome"] != "Daemoned":
            names.add(found["name"])
    return frozenset(names) - daemons
