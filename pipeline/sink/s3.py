"""Amazon S3 as a sink: one conditional PUT an object, its SHA-256 checked by the service and kept with it.

`If-None-Match: *` makes a creation exclusive (Amazon S3, since August 2024). A request that failed may have been carried
out all the same, so after any failure, and when another writer was first, the answer 412 means: compare what is there.
botocore's own retries are off; one policy decides, with our waits, so that the requests of a run are a function of what
the service answers. Only plain synchronous calls are used: no thread, and SIGTERM ends a request that hangs.

Credentials come from botocore's own chain (container credentials on EKS); endpoint and region from the environment given.
"""

from __future__ import annotations

import logging
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import botocore.exceptions as boto_errors
from botocore.config import Config

from pipeline.errors import SettingsError, SinkDenied, SinkError, SinkNotFound, SinkUnavailable
from pipeline.settings import Settings
from pipeline.sink.base import StoredObject, conflict, digest
from pipeline.transfer.retry import RetryPolicy
from pipeline.transfer.s3 import session

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

T = TypeVar("T")
log = logging.getLogger(__name__)

_TRANSIENT_CODES: Final = frozenset(
    {
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)
_TRANSIENT_ERRORS: Final = (
    boto_errors.ConnectionError,
    boto_errors.HTTPClientError,
    boto_errors.IncompleteReadError,
    boto_errors.CredentialRetrievalError,
    boto_errors.FlexibleChecksumError,
)


class S3Sink:
    def __init__(self, client: S3Client, bucket: str, prefix: str, policy: RetryPolicy) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._policy = policy

    @property
    def url(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def list(self, prefix: str) -> Iterator[StoredObject]:
        after = self._prefix + prefix
        while True:
            page = self._page(prefix, after)
            for found in page.get("Contents", []):
                after = found["Key"]
                yield StoredObject(after[len(self._prefix) :], found["Size"])
            if not page["IsTruncated"]:
                return

    def _page(self, prefix: str, after: str) -> ListObjectsV2OutputTypeDef:
        full = self._prefix + prefix
        return self._call(
            prefix, lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=full, StartAfter=after)
        )

    def stat(self, key: str) -> StoredObject | None:
        try:
            found = self._call(
                key,
                lambda: self._client.head_object(Bucket=self._bucket, Key=self._prefix + key, ChecksumMode="ENABLED"),
            )
        except SinkNotFound:
            return None
        checksum = found.get("ChecksumSHA256", "")
        if checksum:
            return StoredObject(key, found["ContentLength"], b64decode(checksum).hex())
        # Put there by other means than this program.
        return StoredObject(key, found["ContentLength"], digest(self.get(key)))

    def get(self, key: str) -> bytes:
        def attempt() -> bytes:
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read()

        return self._call(key, attempt)

    def create(self, key: str, body: bytes) -> str:
        made = digest(body)

        def attempt() -> bool:
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + key,
                    Body=body,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=b64encode(bytes.fromhex(made)).decode(),
                    IfNoneMatch="*",
                )
            except boto_errors.ClientError as error:
                if _status(error) != 412:
                    raise
                return False
            return True

        if not self._call(key, attempt):
            found = self.stat(key)
            if found is None or found.sha256 != made:
                raise conflict(self.url, key)
        return made

    def close(self) -> None:
        self._client.close()

    def _call(self, key: str, attempt: Callable[[], T]) -> T:
        """The answer; botocore's many errors become the few of a sink."""
        failures = 0
        while True:
            try:
                return attempt()
            except boto_errors.ClientError as error:
                code, status = _code(error), _status(error)
                problem = f"{self.url}/{key}: {self._client.meta.endpoint_url} answered {status} {code}"
                if status < 500 and status != 429 and code not in _TRANSIENT_CODES:
                    raise _refusal(problem, code, status) from error
                cause: Exception = error
            except _TRANSIENT_ERRORS as error:
                problem, cause = f"{self.url}/{key}: {error}", error
            except (boto_errors.NoCredentialsError, boto_errors.PartialCredentialsError) as error:
                raise SinkDenied(f"{self.url}: {error}, give this service a role that may write there") from error
            except boto_errors.BotoCoreError as error:
                raise SinkError(f"{self.url}/{key}: {error}") from error
            failures += 1
            if failures >= self._policy.attempts:
                gave_up = SinkUnavailable(f"{problem} ({failures} attempts); run again later")
                gave_up.attempts = failures
                raise gave_up from cause
            wait_s = self._policy.wait_s(failures)
            log.warning("store failed, trying again", extra={"problem": problem, "attempt": failures, "wait_s": wait_s})
            time.sleep(wait_s)


def open_s3(settings: Settings, environ: Mapping[str, str]) -> S3Sink:
    """The sink for an `s3://` URL."""
    parts = urlsplit(settings.sink_url)
    if not parts.netloc:
        raise SettingsError(f"EM_SINK_URL: {settings.sink_url!r} names no bucket, give s3://bucket[/prefix]")
    client = _client(
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
        endpoint_url=environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL"),
        timeout_s=settings.timeout_s,
        connections=settings.max_workers,
    )
    policy = RetryPolicy(attempts=settings.retry_attempts, base_s=settings.retry_backoff_s)
    return S3Sink(client, parts.netloc, parts.path.strip("/"), policy)


def preload() -> None:
    """Read botocore's description of S3 once, for a process that will be forked: a client then takes 10 ms, not 150."""
    _client(region="us-east-1", endpoint_url=None, timeout_s=1.0, connections=1).close()


def _client(*, region: str | None, endpoint_url: str | None, timeout_s: float, connections: int) -> Any:
    return session().create_client(
        "s3",
        region_name=region,
        endpoint_url=endpoint_url,
        config=Config(
            retries={"total_max_attempts": 1},
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            max_pool_connections=connections,
            # The checksum is ours, known before the request.
            request_checksum_calculation="when_required",
            signature_version="s3v4",
        ),
    )


def _refusal(problem: str, code: str, status: int) -> SinkError:
    if code == "NoSuchBucket":
        return SinkError(f"{problem}, create the bucket or correct EM_SINK_URL")
    if status == 404:
        return SinkNotFound(problem)
    if status in {401, 403}:
        return SinkDenied(f"{problem}, allow this service's role to read, list and write there")
    return SinkError(problem)


def _code(error: boto_errors.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: boto_errors.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
