"""What a `{{tag}}` can name: the workflow's own values, a template's inputs, and the results of sibling tasks or steps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import SECOND, parse_time
from harness.kube.objects import Object, labels_of, name_of, namespace_of, uid_of
from harness.workflows.errors import InvalidSpec
from harness.workflows.status import FAILED, Node, is_fulfilled
from harness.workflows.substitute import parameters_json, substitute


def text(value: Any) -> str:
    """A parameter's value as Argo's AnyString: JSON for anything but strings and numbers."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def workflow_scope(workflow: Object, spec: Mapping[str, Any], now_us: int) -> dict[str, str]:
    """`workflow.*`."""
    status = workflow.get("status") or {}
    created = str(workflow["metadata"].get("creationTimestamp") or "")
    scope = {
        "workflow.name": name_of(workflow),
        "workflow.namespace": namespace_of(workflow) or "",
        "workflow.uid": uid_of(workflow),
        "workflow.mainEntrypoint": str(spec.get("entrypoint") or ""),
        "workflow.serviceAccountName": str(spec.get("serviceAccountName") or ""),
        "workflow.status": str(status.get("phase") or "Running"),
        "workflow.creationTimestamp": created,
        "workflow.creationTimestamp.RFC3339": created,
        "workflow.duration": "0.000000",
    }
    if created:
        scope["workflow.creationTimestamp.s"] = str(parse_time(created) // SECOND)
    if status.get("startedAt"):
        scope["workflow.duration"] = f"{(now_us - parse_time(str(status['startedAt']))) / SECOND:f}"
    if spec.get("priority") is not None:
        scope["workflow.priority"] = str(spec["priority"])
    for label, value in labels_of(workflow).items():
        scope[f"workflow.labels.{label}"] = value
    for annotation, value in (workflow["metadata"].get("annotations") or {}).items():
        scope[f"workflow.annotations.{annotation}"] = str(value)
    values = argument_values((spec.get("arguments") or {}).get("parameters") or ())
    for name, value in values.items():
        scope[f"workflow.parameters.{name}"] = value
    scope["workflow.parameters"] = scope["workflow.parameters.json"] = parameters_json(values)
    return scope


def argument_values(parameters: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The values that arguments give, by name; those without any are left out."""
    return {
        str(parameter["name"]): text(parameter.get("value", parameter.get("default")))
        for parameter in parameters
        if parameter.get("value", parameter.get("default")) is not None
    }


def resolve_inputs(
    template: Mapping[str, Any], arguments: Mapping[str, Any], scope: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The template's input parameters with their values; defaults may use `scope`. Raises InvalidSpec when one was not supplied, ExpressionError."""
    given = argument_values(arguments.get("parameters") or ())
    resolved: list[dict[str, Any]] = []
    for parameter in (template.get("inputs") or {}).get("parameters") or ():
        name = str(parameter["name"])
        value = given.get(name)
        if value is None:
            default = parameter.get("value", parameter.get("default"))
            value = None if default is None else str(substitute(text(default), scope))
        if value is None:
            raise InvalidSpec(f"inputs.parameters.{name} was not supplied")
        allowed = parameter.get("enum")
        if allowed and value not in [text(choice) for choice in allowed]:
            raise InvalidSpec(f"inputs.parameters.{name} value '{value}' is not in enum {[text(c) for c in allowed]}")
        resolved.append({**parameter, "value": value})
    return resolved


def input_scope(inputs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """`inputs.*`."""
    values = {str(parameter["name"]): str(parameter["value"]) for parameter in inputs}
    scope = {f"inputs.parameters.{name}": value for name, value in values.items()}
    scope["inputs.parameters"] = parameters_json(values)
    return scope


def node_scope(prefix: str, node: Node, template: Mapping[str, Any]) -> dict[str, str]:
    """`tasks.a.*` or `steps.a.*`, from the node that ran. What was skipped has its outputs' defaults, or empty texts."""
    scope = {
        f"{prefix}.id": str(node["id"]),
        f"{prefix}.status": str(node["phase"]),
        f"{prefix}.startedAt": str(node.get("startedAt") or ""),
        f"{prefix}.hostNodeName": str(node.get("hostNodeName") or ""),
    }
    if node.get("finishedAt"):
        scope[f"{prefix}.finishedAt"] = str(node["finishedAt"])
    outputs = node.get("outputs") or {}
    if "exitCode" in outputs:
        scope[f"{prefix}.exitCode"] = str(outputs["exitCode"])
    for parameter in outputs.get("parameters") or ():
        scope[f"{prefix}.outputs.parameters.{parameter['name']}"] = str(parameter["value"])
    if node["phase"] in {"Skipped", "Omitted"}:
        for parameter in (template.get("outputs") or {}).get("parameters") or ():
            default = (parameter.get("valueFrom") or {}).get("default", "")
            scope[f"{prefix}.outputs.parameters.{parameter['name']}"] = text(default)
    return scope


def group_scope(prefix: str, children: Sequence[Node]) -> dict[str, str]:
    """What an expanded task gives: lists of its children's outputs."""
    every = [
        {str(parameter["name"]): str(parameter["value"]) for parameter in (child.get("outputs") or {})["parameters"]}
        for child in children
        if (child.get("outputs") or {}).get("parameters")
    ]
    names = list(dict.fromkeys(name for values in every for name in values))
    scope = {f"{prefix}.outputs.parameters": json.dumps(every, separators=(",", ":"))}
    for name in names:
        values = [values[name] for values in every if name in values]
        scope[f"{prefix}.outputs.parameters.{name}"] = json.dumps(values, separators=(",", ":"))
    return scope


def failures_text(nodes: Sequence[Node], pod_names: Mapping[str, str]) -> str:
    """`workflow.failures`: JSON in a quoted string."""
    failures = [
        {
            "displayName": node["displayName"],
            "message": node.get("message", ""),
            "templateName": node.get("templateName", ""),
            "phase": node["phase"],
            "podName": pod_names.get(str(node["id"]), str(node["id"])),
            "finishedAt": node.get("finishedAt"),
        }
        for node in nodes
        if node["phase"] in FAILED and is_fulfilled(node)
    ]
    return json.dumps(json.dumps(failures or None, separators=(",", ":")))


def output_parameters(template: Mapping[str, Any], scope: Mapping[str, str]) -> list[dict[str, str]]:
    """The output parameters of a template that has ended, from values, references, expressions and defaults. Raises WorkflowError."""
    found: list[dict[str, str]] = []
    for parameter in (template.get("outputs") or {}).get("parameters") or ():
        source = parameter.get("valueFrom") or {}
        if source.get("expression"):
            value = substitute("{{=" + str(source["expression"]) + "}}", scope, strict=True)
        elif source.get("parameter"):
            value = substitute(text(source["parameter"]), scope, strict="default" not in source)
            if "{{" in value and "default" in source:
                value = text(source["default"])
        elif "default" in source:
            value = text(source["default"])
        else:
            value = substitute(text(parameter["value"]), scope)
        found.append({"name": str(parameter["name"]), "value": value})
    return found
