"""Variables that a CI step uses and nothing sets: the shell and `envsubst` put nothing in their place, and go on."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.ci import Step
from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.shell import variables_set, variables_used

NAME = "unset-variable"
_OF_RUNNER = ("GITHUB_", "RUNNER_", "ACTIONS_", "INPUT_", "BASH_")
_ALWAYS = frozenset(
    {
        "HOME",
        "PATH",
        "PWD",
        "OLDPWD",
        "USER",
        "SHELL",
        "LANG",
        "TMPDIR",
        "CI",
        "IFS",
        "RANDOM",
        "SECONDS",
        "HOSTNAME",
        "UID",
    }
)
_OF_ACTIONS = {
    "aws-actions/configure-aws-credentials": ("AWS_",),
    "actions/setup-java": ("JAVA_",),
    "actions/setup-go": ("GO",),
}


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for step in plan.steps:
        known = step.environment | variables_set(step.run)
        for name in variables_used(step.run):
            if not _is_set(name, known, step):
                yield Finding(
                    step.place, NAME, f"uses ${name}, which neither the step nor its job sets: set it under env"
                )
        for path, name in _substituted(plan, step):
            if not _is_set(name, known, step):
                yield Finding(
                    step.place,
                    NAME,
                    f"envsubst leaves ${{{name}}} of {path} empty, because the step's env does not set it: set it under env",
                )


def _substituted(plan: Plan, step: Step) -> Iterator[tuple[str, str]]:
    """The placeholders of each manifest file that goes through `envsubst`."""
    for pipeline in step.pipelines:
        if any(command.program == "envsubst" for command in pipeline):
            read = [path for command in pipeline for path in (*command.reads, *command.words[1:])]
            for path in dict.fromkeys(m.path for name in read for m in plan.manifests_at(name)):
                for name in variables_used(plan.texts[path]):
                    yield path, name


def _is_set(name: str, known: frozenset[str], step: Step) -> bool:
    if name in known or name in _ALWAYS or name.startswith(_OF_RUNNER):
        return True
    return any(
        name.startswith(prefixes)
        for action, prefixes in _OF_ACTIONS.items()
        if any(used.split("@")[0] == action for used in step.earlier_actions)
    )
