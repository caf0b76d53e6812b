"""Examples of Argo Workflows replayed, against what real Argo 4.1.2 did with them: every node's name, type, phase, message, place and parameters.

The containers do not run: what each pod does is written down here, as it was seen (exit codes, what never starts, what sleeps).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.kube.objects import Object

from .world import Run, Script, template_of, world

FOLDER = Path(__file__).parent / "examples"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text())


def named(part: str, run: Run) -> Script:
    """Pods whose node's name has `part` do `run`, the others succeed."""
    return lambda pod: run if part in template_of(pod) else Run()


def timeouts(pod: Object) -> Run:
    return Run(reason="Unschedulable") if "unschedulable" in template_of(pod) else Run(runs_s=None)


SCRIPTS: dict[str, Script] = {
    "dag-enhanced-depends.yaml": named(".C", Run(exit_code=1)),
    "pod-gc-strategy.yaml": named(".fail", Run(exit_code=1)),
    "step-level-timeout.yaml": lambda _pod: Run(runs_s=None),
    "timeouts-workflow.yaml": timeouts,
    "parallelism-nested.yaml": lambda _pod: Run(runs_s=12),
    "parallelism-nested-dag.yaml": lambda _pod: Run(runs_s=12),
}


def seen(node: dict[str, Any], names: dict[str, str], like: dict[str, Any]) -> dict[str, Any]:
    """A node in the form of expected.json; lists of nodes sorted, for their order differs between Argo's own runs."""

    def of(identities: list[str]) -> list[str]:
        return sorted(names[identity] for identity in identities)

    outputs, flag = node.get("outputs") or {}, node.get("nodeFlag") or {}
    parameters = {entry["name"]: entry["value"] for entry in (node.get("inputs") or {}).get("parameters") or ()}
    found: dict[str, Any] = {
        "name": names[node["id"]],
        "displayName": node["displayName"],
        "type": node["type"],
        "phase": node["phase"],
        "template": node.get("templateName"),
        "message": node.get("message"),
        "boundary": names.get(node.get("boundaryID", "")),
        "children": of(node.get("children") or []),
        "outbound": of(node.get("outboundNodes") or []),
        "exitCode": outputs.get("exitCode"),
        "inputs": {"parameters": parameters} if parameters else None,
        "nodeFlag": flag,
    }
    return {key: value for key, value in found.items() if value or key in like}


def normal(node: dict[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(value) if key in {"children", "outbound"} else value
        for key, value in node.items()
        if key != "outputs" or "parameters" in value
    }


@pytest.mark.parametrize("file", sorted(EXPECTED))
def test_given_an_example_when_it_runs_then_its_nodes_are_those_of_real_argo(file: str) -> None:
    (expected,) = EXPECTED[file]["runs"]
    unsteady = " ".join(EXPECTED[file]["differs_between_runs"])
    workflow = yaml.safe_load((FOLDER / file).read_text())
    with world(SCRIPTS.get(file, lambda _pod: Run())) as here:
        name = here.submit({**workflow, "metadata": {**workflow["metadata"], "name": "replayed-7xk2p"}})
        status = here.finish(name)
    nodes: dict[str, dict[str, Any]] = status.get("nodes") or {}
    names = {identity: node["name"].replace(name, "<wf>", 1) for identity, node in nodes.items()}

    def marked(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        for identity, node_name in names.items():
            text = text.replace(f"'{identity}'", f"'<id:{node_name}>'")
        return text.replace(name, "<wf>")

    assert (status["phase"], marked(status.get("message", ""))) == (expected["phase"], expected["message"])
    assert status["progress"] == expected["progress"]
    wanted = {node["name"]: normal(node) for node in expected["nodes"]}
    got = {}
    for node in nodes.values():
        like = wanted.get(names[node["id"]], {})
        shown = seen(node, names, like)
        for key in ("message", "exitCode"):
            if f"nodes[{names[node['id']]}].{key}" in unsteady:
                shown.pop(key, None)
        got[names[node["id"]]] = {key: marked(value) for key, value in shown.items()}
    assert set(got) == set(wanted)
    for node_name, shown in got.items():
        assert shown == wanted[node_name]


def test_given_the_folder_then_each_example_has_its_expectation_and_the_licence_is_named() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.yaml")) == sorted(EXPECTED)
    assert "Apache License 2.0" in (FOLDER / "README.md").read_text()
