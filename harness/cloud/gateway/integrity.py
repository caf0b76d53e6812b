"""What S3 checks of an upload and the stand-in does not: the checksum that the client sends along. Pure."""

from __future__ import annotations

import base64
import hashlib

from harness.cloud.gateway.calls import HttpRequest
from harness.cloud.gateway.errors import Reply, error_reply

_SHA256 = "x-amz-checksum-sha256"


def corrupt_upload(request: HttpRequest) -> Reply | None:
    """BadDigest when a whole body does not have the SHA-256 that its header names; bodies in signed chunks are not looked into."""
    claimed = request.headers.get(_SHA256)
    if claimed is None or request.method != "PUT" or "x-amz-decoded-content-length" in request.headers:
        return None
    found = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
    if found == claimed:
        return None
    return error_reply("s3", 400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")
