"""A task that is called background, and for whose end the rest of the workflow waits: a dependency orders ends, so nothing runs beside it.

What may wait for it is a join: a task with another branch to wait for, or the last one.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence

from harness.check.argo import Task, workflows
from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "background-task-waited-for"
_BACKGROUND = re.compile(r"(?<![A-Za-z])(background|async|asynchronous|concurrent|detached)(?![A-Za-z])", re.IGNORECASE)


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for workflow in workflows(plan):
        for template in workflow.templates.values():
            tasks = workflow.tasks(template)
            for task in tasks:
                waiting = _kept_waiting(task, tasks) if _BACKGROUND.search(task.text) else []
                if waiting:
                    yield Finding(
                        task.place,
                        NAME,
                        f"meant to run in the background, but {', '.join(waiting)} starts only when it has ended: "
                        "drop that dependency, let only what needs its result wait",
                    )


def _kept_waiting(task: Task, tasks: Sequence[Task]) -> list[str]:
    """Direct dependants with nothing else to wait for, if they are not the end or if nothing at all runs beside `task`."""
    after = _after(task.name, tasks)
    direct = [t for t in tasks if task.name in t.waits_for and t.waits_for <= after | {task.name}]
    not_last = [t.name for t in direct if any(t.name in other.waits_for for other in tasks)]
    before = {name for t in tasks if t.name == task.name for name in _before(t, tasks)}
    beside = {t.name for t in tasks} - after - before - {task.name}
    return not_last or ([] if beside else [t.name for t in direct])


def _after(name: str, tasks: Sequence[Task]) -> set[str]:
    found: set[str] = set()
    grown = True
    while grown:
        more = {t.name for t in tasks if t.waits_for & (found | {name})} - found
        found |= more
        grown = bool(more)
    return found


def _before(task: Task, tasks: Sequence[Task]) -> set[str]:
    by_name = {t.name: t for t in tasks}
    found: set[str] = set()
    open_names = list(task.waits_for)
    while open_names:
        name = open_names.pop()
        if name not in found and name in by_name:
            found.add(name)
            open_names.extend(by_name[name].waits_for)
    return found
