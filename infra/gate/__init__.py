"""The gate: what must hold between rendered templates and manifests, judged on the rendered text alone.

The code that renders makes most of these true by construction; the gate does not trust it. `findings` runs at every render, so output with a finding
is never written; `lint_errors` (cfn-lint, slower) runs in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from infra.gate.manifest_rules import manifest_findings
from infra.gate.rendered import parse
from infra.gate.template_rules import template_findings

__all__ = ["findings"]


def findings(files: Mapping[str, bytes]) -> list[str]:
    """Every finding on the rendered files, as `place: what is wrong, what to do`."""
    rendered = parse(files)
    return [*template_findings(rendered), *manifest_findings(rendered)]
