"""What validation refuses, with Argo's words; and what this engine refuses although Argo would not."""

from __future__ import annotations

from typing import Any

import pytest

from harness.workflows import InvalidSpec, NotSupported
from harness.workflows.graph import ancestors, find_cycle
from harness.workflows.spec import validate

LEAF = {"name": "leaf", "container": {"image": "busybox"}}
NEEDY = {"name": "needy", "inputs": {"parameters": [{"name": "x"}]}, "container": {"image": "busybox"}}


def spec(*templates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"entrypoint": "main", "templates": [*templates, LEAF, NEEDY], **more}


def dag(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return spec({"name": "main", "dag": {"tasks": [{"template": "leaf", **task} for task in tasks], **more}})


def container(**more: Any) -> dict[str, Any]:
    return spec({"name": "main", "container": {"image": "busybox"}, **more})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"templates": [LEAF]}, "spec.entrypoint is required"),
        ({"entrypoint": "x", "templates": [LEAF]}, "template name 'x' undefined"),
        ({"entrypoint": "x", "templates": [{"container": {}}]}, "spec.templates[0].name is required"),
        (spec({"name": "main", "container": {}}), "templates.main.container.image may not be empty"),
        (
            spec({"name": "main"}),
            "templates.main template type unspecified. choose one of: container, containerSet, steps, script, resource, dag, suspend, template, template ref",
        ),
        (spec({**NEEDY, "name": "main"}), "templates.main inputs.parameters.x was not supplied"),
        (
            dag({"name": "a", "template": "needy"}),
            "templates.main.tasks.a templates.needy inputs.parameters.x was not supplied",
        ),
        (dag({"name": "a", "template": "no"}), "templates.main.tasks.a template name 'no' undefined"),
        (dag({"name": "a", "depends": "b"}), "templates.main.tasks.a dependency 'b' not defined"),
        (dag({"name": "a"}, {"name": "a"}), "templates.main.tasks[1].name 'a' is not unique"),
        (
            dag({"name": "a", "depends": "b"}, {"name": "b", "dependencies": ["a"]}),
            "templates.main cannot use both 'depends' and 'dependencies' in the same DAG template",
        ),
        (
            dag({"name": "a", "depends": "c"}, {"name": "b", "depends": "a"}, {"name": "c", "depends": "b"}),
            "templates.main.tasks dependency cycle detected: a->c->b->a",
        ),
        (
            dag(
                {"name": "a", "continueOn": {"failed": True}},
                {"name": "b", "depends": "a", "continueOn": {"failed": True}},
            ),
            "templates.main cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'",
        ),
        (dag({"name": "a"}, target="z"), "templates.main.targets: target 'z' is not defined"),
        (
            dag(
                {"name": "a"},
                {"name": "b", "arguments": {"parameters": [{"name": "x", "value": "{{tasks.a.status}}"}]}},
            ),
            "templates.main.tasks.b failed to resolve {{tasks.a.status}}",
        ),
        (
            container(nodeSelector={"zone": "{{workflow.parameters.zone}}"}),
            "templates.main: failed to resolve {{workflow.parameters.zone}}",
        ),
        (
            spec(
                {
                    "name": "main",
                    "steps": [[{"name": "s", "template": "leaf", "when": "{{workflow.parameters.go}} == yes"}]],
                }
            ),
            "templates.main.steps failed to resolve {{workflow.parameters.go}}",
        ),
        (
            container(retryStrategy={"retryPolicy": "Sometimes"}),
            "templates.main.retryStrategy: Sometimes is not a valid RetryPolicy",
        ),
        (
            spec({**LEAF, "name": "main"}, activeDeadlineSeconds="soon"),
            "spec.activeDeadlineSeconds: 'soon' is not a whole number",
        ),
        (spec({**LEAF, "name": "main"}, podGC={"strategy": "OnRain"}), "podGC.strategy unknown strategy 'OnRain'"),
        (spec({**LEAF, "name": "main"}, onExit="bye"), "template name 'bye' undefined"),
        (
            spec({**LEAF, "name": "main"}, arguments={"parameters": [{"name": "p"}]}),
            "spec.arguments.p.value or spec.arguments.p.valueFrom is required",
        ),
    ],
)
def test_what_argo_refuses_is_refused_with_its_words(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        validate(bad)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("unsupported", "place"),
    [
        (spec({**LEAF, "name": "main"}, workflowTemplateRef={"name": "x"}), "spec.workflowTemplateRef"),
        (
            spec({**LEAF, "name": "main"}, synchronization={"mutexes": []} | {"mutexes": [{"name": "m"}]}),
            "spec.synchronization",
        ),
        (spec({"name": "main", "resource": {"action": "get"}}), "templates.main.resource"),
        (container(daemon=True), "templates.main.daemon"),
        (container(sidecars=[{"name": "s"}]), "templates.main.sidecars"),
        (container(outputs={"artifacts": [{"name": "o", "path": "/o"}]}), "templates.main.outputs.artifacts"),
        (container(inputs={"artifacts": [{"name": "i", "path": "/i"}]}), "templates.main.inputs.artifacts"),
        (
            container(outputs={"parameters": [{"name": "o", "valueFrom": {"path": "/o"}}]}),
            "templates.main.outputs.parameters.o.valueFrom.path",
        ),
        (dag({"name": "a", "templateRef": {"name": "t", "template": "u"}}), "templates.main.tasks.a.templateRef"),
        (dag({"name": "a", "hooks": {"running": {"template": "leaf"}}}), "templates.main.tasks.a.hooks.running"),
        (
            dag({"name": "a"}, {"name": "b", "depends": "a", "when": "{{tasks.a.outputs.result}} == 1"}),
            "templates.main.tasks.b {{tasks.a.outputs.result}}",
        ),
    ],
)
def test_what_is_not_modelled_is_refused_with_its_place(unsupported: dict[str, Any], place: str) -> None:
    with pytest.raises(NotSupported) as raised:
        validate(unsupported)
    assert str(raised.value).startswith(f"{place} is not modelled by this engine: ")


def test_a_graph_without_a_cycle_has_none() -> None:
    assert find_cycle({"a": ["b", "c"], "b": ["c"], "c": []}) == []
    assert find_cycle({"a": ["a"]}) == ["a", "a"]


def test_ancestors_are_all_that_is_needed_through_others() -> None:
    assert ancestors("d", {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}) == ["b", "c", "a"]
