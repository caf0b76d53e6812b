"""Templates that a workflow names and does not define: the controller refuses the whole workflow."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.argo import Workflow, workflows
from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "undefined-template"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for workflow in workflows(plan):
        if workflow.is_whole:
            yield from _undefined(workflow)


def _undefined(workflow: Workflow) -> Iterator[Finding]:
    defined = workflow.templates
    named = [(workflow.manifest.place, str(workflow.spec[k])) for k in ("entrypoint", "onExit") if k in workflow.spec]
    for template in defined.values():
        tasks = workflow.tasks(template)
        named.extend((task.place, task.template) for task in tasks if task.template is not None)
        names = {task.name for task in tasks}
        for task in tasks:
            for unknown in sorted(task.waits_for - names):
                yield Finding(
                    task.place, NAME, f"waits for the task {unknown}, which is not there: add it or drop the dependency"
                )
    for place, name in named:
        if name not in defined and "{{" not in name:
            yield Finding(place, NAME, f"the template {name} is not defined, so the workflow is refused: define it")
