"""A CI step that names a bucket which no template makes: it looks where the pipeline never writes."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from harness.check.ci import Step
from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.shell import ANYTHING, Command

NAME = "unknown-bucket"
_URL = re.compile(r"s3://([^/\s'\"]+)")
_OPTIONS = ("--bucket", "--bucket-name", "--s3-bucket")
_VARIABLE = re.compile(r"(^|_)BUCKET(_NAME)?$")


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    buckets = list(plan.of_type("AWS::S3::Bucket"))
    if not buckets:
        return
    made = {name for b in buckets if isinstance(name := b.properties.get("BucketName"), str)}
    for step in plan.steps:
        for name in dict.fromkeys(_named(step)):
            if name not in made and "$" not in name and ANYTHING not in name:
                yield Finding(
                    step.place,
                    NAME,
                    f"names the bucket {name}, which no template makes ({', '.join(sorted(made)) or 'their names are generated'}): "
                    "take the name from the stack's outputs",
                )


def _named(step: Step) -> Iterator[str]:
    for command in step.commands:
        yield from _of_command(command)
    for key, value in step.own_environment.items():
        if _VARIABLE.search(str(key)) and "${{" not in str(value):
            yield str(value)


def _of_command(command: Command) -> Iterator[str]:
    if "--no-sign-request" in command.words:  # somebody else's, public
        return
    named = command.option(*_OPTIONS)
    if named is not None:
        yield named.removeprefix("s3://").split("/")[0]
    for word in command.words:
        if not word.startswith(tuple(f"{option}=" for option in _OPTIONS)) and word != named:
            yield from _URL.findall(word)
