"""A Workflow with a fixed name that CI applies: the second deployment finds it finished and changes nothing, or is refused because it exists."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.ci import Step
from harness.check.finding import Finding
from harness.check.manifests import Manifest
from harness.check.model import Plan
from harness.check.shell import Command, Pipeline

NAME = "workflow-runs-once"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for step in plan.steps:
        if any(_removes(command) for command in step.commands):
            continue
        for manifest in _applied(plan, step):
            if manifest.kind == "Workflow" and manifest.metadata.get("name"):
                yield Finding(
                    manifest.place,
                    NAME,
                    f"has a fixed name and is applied by {step.place}, so it runs once and never again: "
                    "give it a generateName and create it",
                )


def _applied(plan: Plan, step: Step) -> Iterator[Manifest]:
    for pipeline in step.pipelines:
        if any(_submits(command) for command in pipeline):
            for path in _paths(pipeline):
                yield from plan.manifests_at(path)


def _submits(command: Command) -> bool:
    words = command.words
    if command.program == "kubectl":
        return "--force" not in words and bool({"apply", "create", "replace"} & set(words))
    return command.program == "argo" and "submit" in words


def _removes(command: Command) -> bool:
    return command.program in {"kubectl", "argo"} and "delete" in command.words


def _paths(pipeline: Pipeline) -> Iterator[str]:
    for command in pipeline:
        yield from command.reads
        yield from (word.split("=", maxsplit=1)[-1] for word in command.words[1:])
