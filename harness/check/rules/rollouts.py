"""A CI step that waits for, restarts or changes an object that no manifest makes: the deployment ends with NotFound."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.shell import ANYTHING, Command

NAME = "missing-rollout-target"
_KINDS = {
    **dict.fromkeys(("deployment", "deployments", "deploy"), "Deployment"),
    **dict.fromkeys(("statefulset", "statefulsets", "sts"), "StatefulSet"),
    **dict.fromkeys(("daemonset", "daemonsets", "ds"), "DaemonSet"),
    **dict.fromkeys(("job", "jobs"), "Job"),
}
_VERBS = frozenset({"rollout", "wait", "scale", "set"})
_WITH_VALUE = frozenset({"-n", "--namespace", "--context", "--cluster", "--kubeconfig", "--user", "-s", "--server"})


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    if not plan.manifests:
        return
    there = {(m.kind, m.name) for m in plan.manifests}
    for step in plan.steps:
        for command in step.commands:
            for kind, name in _named(command):
                if (kind, name) not in there:
                    yield Finding(
                        step.place,
                        NAME,
                        f"kubectl looks for the {kind} {name}, which no manifest makes: make it, or wait for what there is",
                    )


def _named(command: Command) -> Iterator[tuple[str, str]]:
    """What `kubectl <verb> ... kind/name` or `kind name` is about."""
    words = command.words
    if command.program != "kubectl" or _verb(words) not in _VERBS:
        return
    for word, following in zip(words[1:], (*words[2:], ""), strict=True):
        kind, slash, name = word.partition("/")
        if kind.split(".")[0].lower() not in _KINDS:
            continue
        name = name if slash else following
        if name and not name.startswith("-") and "$" not in name and ANYTHING not in name:
            yield _KINDS[kind.split(".")[0].lower()], name


def _verb(words: tuple[str, ...]) -> str:
    """The first word that is neither an option nor the value of one."""
    before = ""
    for word in words[1:]:
        if not word.startswith("-") and before not in _WITH_VALUE:
            return word
        before = word
    return ""
