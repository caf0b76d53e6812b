"""A CI step that runs a script of the repository which is not there. Judged only where it is known which files there are."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.containers import normal
from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.rules.ci_options import script_of
from harness.check.shell import ANYTHING

NAME = "missing-script"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    if plan.files is None:
        return
    for step in plan.steps:
        for command in step.commands:
            script = script_of(command)
            if script is None or script.startswith(("/", "~")) or "$" in script or ANYTHING in script:
                continue
            if normal(step.working_directory, script) not in plan.files:
                yield Finding(
                    step.place, NAME, f"runs {script}, which is not in the repository: write it or remove the step"
                )
