"""Anonymous reads from a public S3 bucket: one object, the names below a prefix.

The client is unsigned and repeats nothing by itself, so that the pace and the order of requests are ours; each call is one request in the
calling thread, and a client used by one thread has one connection.
An object that does not exist is an answer (`None`), not an error: in a sparse Zarr array an absent chunk means the fill value.
A refusal is an error at once: trying again does not make a bucket public.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.exceptions as boto_errors
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.loaders import Loader

from pipeline.transfer.errors import (
    AccessDenied,
    ConnectionLost,
    NotFound,
    RequestRefused,
    ServerBusy,
    TransferError,
    WrongLength,
)
from pipeline.transfer.http import retry_after_s, words
from pipeline.transfer.retry import RetryPolicy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

# Unsigned requests name no region; the client only wants one to start.
_REGION = "us-east-1"
_BUSY = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "503", "500"}


def session() -> Any:
    """A botocore session; what botocore's files say of S3 is read once a process, and a client then takes 10 ms, not 150."""
    made = botocore.session.Session()
    made.register_component("data_loader", _loader())
    return made


@lru_cache
def _loader() -> Loader:
    return Loader()


@dataclass(frozen=True, slots=True)
class StoredObject:
    body: bytes
    etag: str


class AnonymousBucket:
    def __init__(
        self, endpoint_url: str, bucket: str, policy: RetryPolicy, *, timeout_s: float, connections_max: int = 1
    ) -> None:
        self._endpoint_url = endpoint_url.rstrip("/")
        self._bucket = bucket
        self._policy = policy
        # The endpoint is given explicitly so that AWS_ENDPOINT_URL_S3, where the data sets go, does not apply to the archive.
        self._client: S3Client = session().create_client(
            "s3",
            region_name=_REGION,
            endpoint_url=self._endpoint_url,
            config=Config(
                signature_version=UNSIGNED,
                retries={"total_max_attempts": 1},
                max_pool_connections=connections_max,
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                s3={"addressing_style": "path"},
                response_checksum_validation="when_required",
            ),
        )

    def place(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def get(self, key: str, decode: Callable[[StoredObject | None], T]) -> T:
        """What `decode` makes of the object, or of None when there is none. A `BrokenData` of it is worth another try."""
        return self._call(key, lambda: decode(self._get(key)))

    def list_prefixes(self, prefix: str) -> list[str]:
        """The names directly below `prefix` that have something below them ("directories"), sorted."""
        return self._call(prefix, lambda: self._list_prefixes(prefix))

    def close(self) -> None:
        self._client.close()

    def _get(self, key: str) -> StoredObject | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            return None
        announced = answer["ContentLength"]
        body = answer["Body"].read()
        if len(body) != announced:
            raise WrongLength(self.place(key), len(body), announced)
        return StoredObject(body, answer.get("ETag", ""))

    def _list_prefixes(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        return sorted(
            found["Prefix"][len(prefix) :].rstrip("/") for page in pages for found in page.get("CommonPrefixes", [])
        )

    def _call(self, key: str, operation: Callable[[], T]) -> T:
        def attempt() -> T:
            try:
                return operation()
            except boto_errors.ClientError as error:
                raise self._refusal(key, error) from error
            except boto_errors.IncompleteReadError as error:
                raise WrongLength(
                    self.place(key), error.kwargs["actual_bytes"], error.kwargs["expected_bytes"]
                ) from error
            except (boto_errors.HTTPClientError, boto_errors.ResponseStreamingError, OSError) as error:
                raise ConnectionLost(self.place(key), f"{words(error)} from {self._endpoint_url}") from error

        return self._policy.call(attempt)

    def _refusal(self, key: str, error: boto_errors.ClientError) -> TransferError:
        code = error.response.get("Error", {}).get("Code", "")
        metadata = error.response.get("ResponseMetadata", {})
        status = metadata.get("HTTPStatusCode", 0)
        answer = f"{self._endpoint_url} answered {status} {code}"
        if code in _BUSY or status >= 500 or status == 429:
            headers = {name.title(): value for name, value in metadata.get("HTTPHeaders", {}).items()}
            return ServerBusy(self.place(key), answer, retry_after_s=retry_after_s(headers))
        if status in {401, 403}:
            return AccessDenied(self.place(key), answer)
        if status == 404:
            return NotFound(self.place(key), answer)
        return RequestRefused(self.place(key), answer, "check the address and the settings of this source")
