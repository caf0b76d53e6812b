"""Can every `{{tag}}` of a template be resolved where it stands: the check before a workflow starts.

Follows Argo Workflows 4.1 `workflow/validate/validate.go` (resolveAllVariables, addOutputsToScope). Only tags under Argo's own roots are checked,
anything else is left to the run. What a container prints is not captured here, so `outputs.result` is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.workflows.errors import InvalidSpec, NotSupported, Unresolved
from harness.workflows.substitute import tags_of

_ROOTS = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
_ALWAYS = (
    "outputs.",
    "workflow.creationTimestamp",
    "workflow.duration",
    "workflow.labels.",
    "workflow.annotations.",
    "tasks.name",
    "steps.name",
)
_WORKFLOW = ("name", "namespace", "uid", "mainEntrypoint", "serviceAccountName", "status", "parameters", "priority")


def workflow_tags(spec: Mapping[str, Any]) -> set[str]:
    """What any template may name."""
    tags = {f"workflow.{name}" for name in _WORKFLOW} | {"workflow.parameters.json", "pod.name"}
    for parameter in (spec.get("arguments") or {}).get("parameters") or ():
        tags.add(f"workflow.parameters.{parameter['name']}")
    if spec.get("onExit"):
        tags.add("workflow.failures")
    return tags


def input_tags(template: Mapping[str, Any]) -> set[str]:
    """The template's inputs."""
    parameters = (template.get("inputs") or {}).get("parameters") or ()
    return {"inputs.parameters", *(f"inputs.parameters.{parameter['name']}" for parameter in parameters)}


def result_tags(prefix: str, template: Mapping[str, Any] | None, *, loop: bool) -> set[str]:
    """What a task or step that has ended can be asked for."""
    tags = {f"{prefix}.{name}" for name in ("id", "status", "startedAt", "finishedAt", "hostNodeName", "exitCode")}
    for parameter in ((template or {}).get("outputs") or {}).get("parameters") or ():
        tags.add(f"{prefix}.outputs.parameters.{parameter['name']}")
    if loop:
        tags.add(f"{prefix}.outputs.parameters")
    return tags


def check_tags(value: Any, known: Iterable[str], place: str, *, loop: bool = False) -> None:
    """Raises InvalidSpec for the first tag that cannot be resolved, NotSupported for what only an executor knows."""
    allowed = set(known)
    for tag in tags_of(value):
        if tag.startswith("=") or not tag.startswith(_ROOTS) or tag in allowed or tag.startswith(_ALWAYS):
            continue
        if loop and tag.startswith("item."):
            continue
        if tag.endswith(".outputs.result") or ".outputs.artifacts." in tag:
            raise NotSupported(f"{place} {{{{{tag}}}}}", "nothing captures what a container prints or writes here")
        raise InvalidSpec(f"{place} {Unresolved(tag)}")
