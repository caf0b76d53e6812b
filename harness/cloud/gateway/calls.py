"""What a request is, by name: service, operation and target, read from an HTTP request as an AWS client sends it. Pure.

The service stands in the signature's credential scope. Operations are named as in the service models: S3's follow
from method and query, those of the query protocols from `Action`, those of the JSON protocols from `X-Amz-Target`,
EKS's from its paths; what is left is named by method and path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([\w-]*)/([\w-]+)/aws4_request")
_PRESIGNED = re.compile(r"([^/]+)/\d{8}/([\w-]*)/([\w-]+)/aws4_request")
_SMITHY_RPC = re.compile(r"^/service/[^/]+/operation/([^/]+)$")

_BUCKET_CONFIGURATIONS = {
    "acl": "BucketAcl",
    "cors": "BucketCors",
    "encryption": "BucketEncryption",
    "intelligent-tiering": "BucketIntelligentTieringConfiguration",
    "lifecycle": "BucketLifecycleConfiguration",
    "location": "BucketLocation",
    "notification": "BucketNotificationConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "PublicAccessBlock",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
}
_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}

_EKS_PATHS = (
    ("GET", re.compile(r"^/clusters$"), "ListClusters"),
    ("GET", re.compile(r"^/clusters/([^/]+)$"), "DescribeCluster"),
    ("GET", re.compile(r"^/clusters/([^/]+)/node-groups$"), "ListNodegroups"),
    ("GET", re.compile(r"^/clusters/([^/]+)/node-groups/([^/]+)$"), "DescribeNodegroup"),
    ("POST", re.compile(r"^/clusters/([^/]+)/node-groups/([^/]+)/update-config$"), "UpdateNodegroupConfig"),
    ("GET", re.compile(r"^/clusters/([^/]+)/addons$"), "ListAddons"),
    ("GET", re.compile(r"^/clusters/([^/]+)/addons/([^/]+)$"), "DescribeAddon"),
    ("GET", re.compile(r"^/clusters/([^/]+)/pod-identity-associations$"), "ListPodIdentityAssociations"),
    ("GET", re.compile(r"^/clusters/([^/]+)/pod-identity-associations/([^/]+)$"), "DescribePodIdentityAssociation"),
)


@dataclass(frozen=True)
class Call:
    """One request: who (party, empty for a person's own tool), what, on what, and how many bytes it brings."""

    party: str
    service: str
    operation: str
    target: str  # `s3://bucket/key`, `eks://cluster/group`
    size_bytes: int


@dataclass(frozen=True)
class Answer:
    """What a call came to."""

    call: Call
    status: int
    size_bytes: int


@dataclass(frozen=True)
class HttpRequest:
    """What naming needs of a request; header names are lower case, `path` is still quoted."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


def credentials_of(request: HttpRequest) -> tuple[str | None, str]:
    """Access key (None when anonymous) and service; an unsigned request is taken for S3."""
    match = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if match is None:
        match = _PRESIGNED.match(request.query.get("X-Amz-Credential", ""))
    if match is None:
        return None, "s3"
    return match.group(1), match.group(3)


def name_call(request: HttpRequest, service: str) -> tuple[str, str]:
    """Operation and target."""
    if service == "s3":
        return _s3(request)
    if service == "eks":
        return _eks(request)
    target = request.headers.get("x-amz-target")
    if target:
        return target.rsplit(".", 1)[-1], f"{service}://"
    rpc = _SMITHY_RPC.match(request.path)
    if rpc is not None:
        return rpc.group(1), f"{service}://"
    action = request.query.get("Action") or _form_action(request)
    if action:
        return action, f"{service}://"
    return f"{request.method} {request.path}", f"{service}://"


def eks_names(request: HttpRequest) -> tuple[str, ...]:
    """The names in an EKS path: cluster, then node group, add-on or association."""
    for method, pattern, _operation in _EKS_PATHS:
        match = pattern.match(request.path)
        if method == request.method and match is not None:
            return tuple(unquote(part) for part in match.groups())
    return ()


def bucket_and_key(request: HttpRequest) -> tuple[str, str]:
    """The parts of a path-style S3 path; both may be empty."""
    bucket, _, key = request.path.lstrip("/").partition("/")
    return unquote(bucket), unquote(key)


def _eks(request: HttpRequest) -> tuple[str, str]:
    for method, pattern, operation in _EKS_PATHS:
        match = pattern.match(request.path)
        if method == request.method and match is not None:
            return operation, "eks://" + "/".join(unquote(part) for part in match.groups())
    return f"{request.method} {request.path}", "eks://"


def _s3(request: HttpRequest) -> tuple[str, str]:
    bucket, key = bucket_and_key(request)
    if not bucket:
        return "ListBuckets", "s3://"
    if not key:
        return _bucket_operation(request), f"s3://{bucket}"
    return _object_operation(request), f"s3://{bucket}/{key}"


def _bucket_operation(request: HttpRequest) -> str:
    method, query = request.method, request.query
    for name, configuration in _BUCKET_CONFIGURATIONS.items():
        if name in query and method in _VERBS:
            return _VERBS[method] + configuration
    if method == "GET":
        if "versions" in query:
            return "ListObjectVersions"
        if "uploads" in query:
            return "ListMultipartUploads"
        return "ListObjectsV2" if query.get("list-type") == "2" else "ListObjects"
    if method == "POST" and "delete" in query:
        return "DeleteObjects"
    return {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(method, f"{method} bucket")


def _object_operation(request: HttpRequest) -> str:
    method, query = request.method, request.query
    copies = "x-amz-copy-source" in request.headers
    if "uploadId" in query:
        part = "UploadPartCopy" if copies else "UploadPart"
        return {
            "GET": "ListParts",
            "PUT": part,
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
        }.get(method, f"{method} upload")
    if method == "POST" and "uploads" in query:
        return "CreateMultipartUpload"
    for name, configuration in (("tagging", "ObjectTagging"), ("acl", "ObjectAcl"), ("attributes", "ObjectAttributes")):
        if name in query and method in _VERBS:
            return _VERBS[method] + configuration
    if method == "PUT" and copies:
        return "CopyObject"
    return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}.get(
        method, f"{method} object"
    )


def _form_action(request: HttpRequest) -> str | None:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return None
    return parse_qs(request.body.decode(errors="replace")).get("Action", [None])[0]
