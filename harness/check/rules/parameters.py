"""Workflow and input parameters that are used and not declared (the workflow is refused), or declared and used nowhere (a setting without an effect)."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator

from harness.check.argo import Workflow, workflows
from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "parameter"
_OF_WORKFLOW = re.compile(r"workflow\.parameters(?:\.|\[')([\w-]+)")
_OF_INPUTS = re.compile(r"inputs\.parameters(?:\.|\[')([\w-]+)")
_ALL_AS_JSON = "json"  # workflow.parameters.json is Argo's own


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for workflow in workflows(plan):
        if workflow.is_whole:
            yield from _of_workflow(workflow)
            yield from _of_inputs(workflow)


def _of_workflow(workflow: Workflow) -> Iterator[Finding]:
    declared = [str(p["name"]) for p in (workflow.spec.get("arguments") or {}).get("parameters") or ()]
    text = json.dumps(workflow.spec, default=str)
    used = list(dict.fromkeys(_OF_WORKFLOW.findall(text)))
    submitted_with_more = workflow.manifest.kind.endswith("WorkflowTemplate")
    for name in used:
        if name not in (*declared, _ALL_AS_JSON) and not submitted_with_more:
            yield Finding(
                workflow.manifest.place, NAME, f"uses the parameter {name} and does not declare it: add it to arguments"
            )
    everything = "workflow.parameters}}" in text or "workflow.parameters.json" in text
    for name in declared:
        inherited = f"inputs.parameters.{name}" in text  # the entrypoint's inputs take the arguments of their names
        if name not in used and not inherited and not everything:
            yield Finding(
                workflow.manifest.place, NAME, f"declares the parameter {name}, which has no effect: use or remove it"
            )


def _of_inputs(workflow: Workflow) -> Iterator[Finding]:
    for name, template in workflow.templates.items():
        place = f"{workflow.manifest.place}/{name}"
        declared = [str(p["name"]) for p in (template.get("inputs") or {}).get("parameters") or ()]
        used = list(dict.fromkeys(_OF_INPUTS.findall(json.dumps(template, default=str))))
        for parameter in used:
            if parameter not in declared:
                yield Finding(place, NAME, f"uses the input {parameter} and does not declare it: add it to inputs")
        for parameter in declared:
            if parameter not in used:
                yield Finding(place, NAME, f"declares the input {parameter}, which has no effect: use or remove it")
