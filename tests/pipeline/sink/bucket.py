"""A bucket of a few lines behind a real HTTP server: conditional PUT, HEAD, GET, and failures at chosen requests.

Only what the sink uses, with the answers of Amazon S3; moto is the second opinion (`test_s3.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Answer:
    """What to do instead of, or after, serving a request."""

    status: int = 0
    code: str = ""
    is_served_first: bool = False
    is_dropped: bool = False


@dataclass
class Bucket:
    objects: dict[str, bytes] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    failures: dict[int, Answer] = field(default_factory=dict)
    on_request: Callable[[str, str], None] | None = None
    threads: set[int] = field(default_factory=set)


def _listing(bucket: Bucket, path: str) -> bytes:
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    folder = parts.path.rstrip("/") + "/"
    keys = sorted(key.removeprefix(folder) for key in bucket.objects)
    contents = "".join(
        f"<Contents><Key>{key}</Key><Size>{len(bucket.objects[folder + key])}</Size></Contents>"
        for key in keys
        if key.startswith(query["prefix"][0]) and key > query["start-after"][0]
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()


@contextmanager
def serve(bucket: Bucket) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes: without this the second waits 40 ms for the acknowledgement of the first.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            bucket.requests.append((self.command, self.path))
            if bucket.on_request is not None:
                bucket.on_request(self.command, self.path)
            failure = bucket.failures.get(len(bucket.requests))
            if failure is None:
                self._send(*self._serve(body))
                return
            if failure.is_served_first:
                self._serve(body)
            if failure.is_dropped:
                self.close_connection = True
                return
            self._send(failure.status, f"<Error><Code>{failure.code}</Code></Error>".encode(), {})

        do_GET = do_PUT = do_HEAD = _handle  # noqa: N815 - names of http.server

        def _serve(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
            key = self.path
            if self.command == "PUT":
                if self.headers.get("If-None-Match") == "*" and key in bucket.objects:
                    return 412, b"<Error><Code>PreconditionFailed</Code></Error>", {}
                bucket.objects[key] = body
                bucket.checksums[key] = self.headers["x-amz-checksum-sha256"]
                return 200, b"", {}
            if "list-type=2" in key:
                return 200, _listing(bucket, key), {}
            if key not in bucket.objects:
                return 404, b"<Error><Code>NoSuchKey</Code></Error>", {}
            checksum = bucket.checksums.get(key)
            headers = {"x-amz-checksum-sha256": checksum} if checksum else {}
            return 200, bucket.objects[key], headers

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
