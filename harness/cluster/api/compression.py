"""gzip for large answers (apiserver `endpoints/handlers/responsewriters/writers.go`: beyond 128 KiB, at the fastest level)."""

from __future__ import annotations

import zlib

from harness.cluster.api.http import Request, Response

_BYTES_MIN = 128 * 1024
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


def is_worth_it(request: Request, answer: Response) -> bool:
    """Whether the answer is large, and the client takes gzip."""
    return len(answer.body) > _BYTES_MIN and any(
        part.partition(";")[0].strip() == "gzip" for part in request.header("accept-encoding").split(",")
    )


def compressed(answer: Response) -> Response:
    """The answer, smaller. Takes a while; any thread."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    body = packer.compress(answer.body) + packer.flush()
    headers = {**(answer.headers or {}), "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, status=answer.status, content_type=answer.content_type, headers=headers)
