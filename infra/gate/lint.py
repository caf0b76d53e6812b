"""cfn-lint's errors on a template: what CloudFormation itself would refuse, found without an account. Warnings do not fail the gate.

The warnings there are (W3010, zones written out) are wanted: without an account, named zones are the only way to three of them.
"""

from __future__ import annotations

from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped, import-not-found, unused-ignore]


def lint_errors(template: str, *, region: str) -> list[str]:
    """Every error as `rule at path: message`."""
    matches = lint(template, config=ManualArgs(regions=[region]))
    return [
        f"{match.rule.id} at {'/'.join(map(str, getattr(match, 'path', None) or ()))}: {match.message}"
        for match in matches
        if match.rule.severity == "error"
    ]
