"""A CI step that connects to an EKS cluster by a name which no template gives: a cluster without a name in the template gets a generated one."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.shell import ANYTHING

NAME = "unknown-cluster"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    clusters = list(plan.of_type("AWS::EKS::Cluster"))
    if not clusters:
        return
    made = {name for c in clusters if isinstance(name := c.properties.get("Name"), str)}
    for step in plan.steps:
        for command in step.commands:
            if command.program != "aws" or "eks" not in command.words[1:3]:
                continue
            named = command.option("--name", "--cluster-name")
            if named is None or "$" in named or not named.strip(ANYTHING):
                continue
            pattern = re.compile(".*".join(map(re.escape, named.split(ANYTHING))))
            if not any(pattern.fullmatch(name) for name in made):
                yield Finding(
                    step.place,
                    NAME,
                    f"connects to the cluster {named.replace(ANYTHING, '*')}, a name that no template gives "
                    f"({', '.join(sorted(made)) or 'their names are generated'}): take the name from the stack's outputs",
                )
