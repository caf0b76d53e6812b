"""Keys of the CloudFormation outputs that manifests and people use.

Stacks export under exactly these keys and manifests write them as `${KEY}` (the substitution that envsubst and Flux's postBuild do), so a
placeholder without an output is an AttributeError here and not an empty string in a cluster.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Output(StrEnum):
    """One output key; `placeholder` is how a manifest names it."""

    ACCESS_POINT_ID = "AccessPointId"
    ALERT_TOPIC_ARN = "AlertTopicArn"
    CLUSTER_ADMIN_ROLE_ARN = "ClusterAdminRoleArn"
    CLUSTER_NAME = "ClusterName"
    DATA_BUCKET_NAME = "DataBucketName"
    FILE_SYSTEM_ID = "FileSystemId"
    LOG_GROUP_NAME = "LogGroupName"
    REGISTRY_URI = "RegistryUri"
    VPC_ID = "VpcId"

    @property
    def placeholder(self) -> str:
        return f"${{{self.value}}}"


_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


def placeholders(text: str) -> list[str]:
    """Every name between `${` and `}` in the text, in order of appearance."""
    return _PLACEHOLDER.findall(text)
