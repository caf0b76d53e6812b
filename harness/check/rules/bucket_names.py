"""One fixed bucket name for more than one stack: bucket names are unique among all accounts, so the second stack cannot be created."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.templates import Resource

NAME = "bucket-name-twice"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    named: dict[str, list[Resource]] = defaultdict(list)
    for bucket in plan.of_type("AWS::S3::Bucket"):
        name = bucket.properties.get("BucketName")
        if isinstance(name, str):
            named[name].append(bucket)
    for name, buckets in named.items():
        stacks = [stack for bucket in buckets for stack in bucket.stacks]
        if len(stacks) < 2:
            continue
        for bucket in buckets:
            yield Finding(
                bucket.place,
                NAME,
                f"the name {name} is fixed and wanted by {len(stacks)} stacks ({', '.join(stacks)}), only the first gets it: "
                "let CloudFormation make the name",
            )
