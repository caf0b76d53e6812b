"""What is done to an answer before it is sent: YAML and gzip for clients that want them.

Both take long enough to have a thread of their own. gzip is for large answers (apiserver `endpoints/handlers/responsewriters/writers.go`: beyond 128 KiB, at
the fastest level).
"""

from __future__ import annotations

import zlib

import orjson

from harness.cluster.api.http import Request, Response
from harness.cluster.api.negotiation import YAML, wants_yaml

_BYTES_MIN = 128 * 1024
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


def is_unfinished(request: Request, answer: Response) -> bool:
    """Whether there is anything to do."""
    return wants_yaml(request, answer) or _wants_gzip(request, answer)


def finished(request: Request, answer: Response) -> Response:
    """The answer as the client wants it. Takes a while; any thread."""
    if wants_yaml(request, answer):
        answer = _in_yaml(answer)
    return _compressed(answer) if _wants_gzip(request, answer) else answer


def _in_yaml(answer: Response) -> Response:
    from harness.cluster.api import yamlout  # with the first client that wants YAML: loading it takes 10 ms

    body = yamlout.dump(orjson.loads(answer.body))
    return Response(body, status=answer.status, content_type=YAML, headers=answer.headers)


def _wants_gzip(request: Request, answer: Response) -> bool:
    return len(answer.body) > _BYTES_MIN and any(
        part.partition(";")[0].strip() == "gzip" for part in request.header("accept-encoding").split(",")
    )


def _compressed(answer: Response) -> Response:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    body = packer.compress(answer.body) + packer.flush()
    headers = {**(answer.headers or {}), "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, status=answer.status, content_type=answer.content_type, headers=headers)
