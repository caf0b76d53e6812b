"""Rules on the templates alone: node groups that pods can find, nothing that needs code in the account, nothing that names an account."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.gate.rendered import Rendered
from infra.node_pools import WORKLOAD_TYPE

_ACCOUNT = re.compile(r"(?<![0-9A-Za-z])[0-9]{12}(?![0-9A-Za-z])")
_RUNS_CODE = ("AWS::Lambda::", "AWS::CloudFormation::CustomResource", "Custom::")


def template_findings(rendered: Rendered) -> Iterator[str]:
    yield from _node_groups(rendered)
    for resource in rendered.resources:
        if resource.type.startswith(_RUNS_CODE):
            yield f"{resource.place}: a {resource.type} runs code while it is deployed, use a plain resource type"
    for bucket in rendered.of_type("AWS::S3::Bucket"):
        if "BucketName" in bucket.properties:
            yield f"{bucket.place}: a bucket name is global, a second environment cannot have it: let it be generated"
    for name, text in rendered.texts.items():
        if name.endswith(".json") and (account := _ACCOUNT.search(text)):
            yield f"{name}: {account.group()} looks like an account number, use AWS::AccountId"


def _node_groups(rendered: Rendered) -> Iterator[str]:
    for group in rendered.of_type("AWS::EKS::Nodegroup"):
        labels = group.properties.get("Labels", {})
        if WORKLOAD_TYPE not in labels:
            yield f"{group.place}: no label {WORKLOAD_TYPE}, so no nodeSelector can match: label the node group"
        for taint in group.properties.get("Taints", []):
            if labels.get(taint["Key"]) != taint["Value"]:
                yield (
                    f"{group.place}: taint {taint['Key']}={taint['Value']} without the same label: a taint keeps pods away, "
                    "only a label brings them, add it"
                )
