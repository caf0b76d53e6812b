"""ECR: image repositories with scanning, tag immutability and lifecycle policy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.cloud.provision.model import Fields, Made, Physical, Wanted, tags_of
from harness.cloud.standin import Services


class Repository:
    """AWS::ECR::Repository."""

    name = "AWS::ECR::Repository"
    applied = frozenset(
        {
            "RepositoryName",
            "ImageScanningConfiguration",
            "ImageTagMutability",
            "LifecyclePolicy",
            "RepositoryPolicyText",
            "Tags",
        }
    )

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateRepository, then its policies."""
        ecr = services.client("ecr")
        properties = wanted.properties
        name = str(properties.get("RepositoryName") or wanted.physical_name(256, lower=True))
        created = ecr.create_repository(
            repositoryName=name,
            imageTagMutability=properties.get("ImageTagMutability", "MUTABLE"),
            imageScanningConfiguration={"scanOnPush": _scans(properties)},
            tags=tags_of(wanted),
        )["repository"]
        if text := _lifecycle(properties):
            ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
        if policy := properties.get("RepositoryPolicyText"):
            ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(policy))
        return Physical(name, {"Arn": created["repositoryArn"], "RepositoryUri": created["repositoryUri"]})

    def expected(self, made: Made) -> Fields:
        """As the template says."""
        properties = made.wanted.properties
        text = _lifecycle(properties)
        return {
            "ImageTagMutability": properties.get("ImageTagMutability", "MUTABLE"),
            "ScanOnPush": _scans(properties),
            "LifecyclePolicy": json.loads(text) if text else None,
        }

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeRepositories once, GetLifecyclePolicy where there is one."""
        ecr = services.client("ecr")
        described = ecr.describe_repositories(repositoryNames=[one.physical.ref for one in made])["repositories"]
        by_name = {entry["repositoryName"]: entry for entry in described}
        result: dict[str, Fields] = {}
        for one in made:
            name, entry = one.physical.ref, by_name[one.physical.ref]
            text = None
            if _lifecycle(one.wanted.properties):
                text = ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
            result[name] = {
                "ImageTagMutability": entry["imageTagMutability"],
                "ScanOnPush": entry["imageScanningConfiguration"]["scanOnPush"],
                "LifecyclePolicy": json.loads(text) if text else None,
            }
        return result


def _scans(properties: Mapping[str, Any]) -> bool:
    return bool((properties.get("ImageScanningConfiguration") or {}).get("ScanOnPush", False))


def _lifecycle(properties: Mapping[str, Any]) -> str | None:
    text = (properties.get("LifecyclePolicy") or {}).get("LifecyclePolicyText")
    return str(text) if text else None
