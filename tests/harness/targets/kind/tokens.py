"""Tokens and estates for the tests of credentials."""

from __future__ import annotations

import base64
import json
from typing import Any

from harness.cloud.estate import Addon, ClusterSpec, Estate, PodIdentity

ROLE = "arn:aws:iam::123456789012:role/ebi"


def estate_of(namespace: str) -> Estate:
    """A cluster whose service account `ebi` in `namespace` has a role; `idr` has none."""
    return Estate(
        region="us-east-1",
        account_id="123456789012",
        cluster=ClusterSpec("em-pipeline-dev", "1.36"),
        addons=(Addon("eks-pod-identity-agent"), Addon("aws-efs-csi-driver")),
        pod_identities=(PodIdentity(namespace, "ebi", ROLE, "a-1"),),
    )


def jwt(**claims: Any) -> str:
    """A token that nobody signed."""
    parts = ({"alg": "RS256"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "s"]
    )
