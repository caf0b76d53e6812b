"""Long-lived AWS keys in CI or in a pod: they leak, nobody rotates them, and a role by OIDC or Pod Identity does without."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.ci import Step
from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "static-keys"
_INPUTS = ("aws-access-key-id", "aws-secret-access-key")
_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for workflow in plan.ci:
        if any(_is_stored(workflow.environment.get(name)) for name in _VARIABLES):
            yield Finding(
                f"{workflow.path}#env", NAME, "signs in with stored AWS keys: assume a role by OIDC (role-to-assume)"
            )
    for step in plan.steps:
        if _has_keys(step):
            yield Finding(
                step.place,
                NAME,
                "signs in with stored AWS keys: assume a role by OIDC (role-to-assume, permission id-token)",
            )
    for pod in plan.pods:
        names = {str(e.get("name")) for c in pod.containers for e in c.get("env") or ()}
        if names & set(_VARIABLES):
            yield Finding(
                pod.place, NAME, "carries AWS keys in its environment: give its service account a role by Pod Identity"
            )


def _has_keys(step: Step) -> bool:
    given = [step.inputs.get(name) for name in _INPUTS] + [step.own_environment.get(name) for name in _VARIABLES]
    return any(_is_stored(value) for value in given)


def _is_stored(value: object) -> bool:
    """A secret or variable of the repository; a literal such as `testing` is for a stand-in, the output of a step is temporary."""
    return isinstance(value, str) and ("secrets." in value or "vars." in value)
