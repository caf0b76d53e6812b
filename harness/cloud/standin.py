"""The stand-in that holds S3, ECR, EFS, IAM and the rest: moto as a child process. Whatever else is to take its place implements `Standin`.

moto keeps its state in memory and draws ids from one generator, so `reset` empties it and seeds that generator: equal
seeds and equal calls give equal ids.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

ACCOUNT_ID = "123456789012"
"""moto's account; a stand-in behind an endpoint URL has to answer for the same one."""

SERVICES = ("s3", "ec2", "iam", "efs", "eks", "ecr", "logs", "sns", "sts")


class StandinFailed(Exception):
    """The stand-in did not start or does not answer; the message says what it printed."""


class Standin(Protocol):
    """Where the AWS APIs are."""

    endpoint_url: str

    def reset(self, seed: int, region: str) -> None:
        """Forget everything and draw ids from `seed` on."""

    def close(self) -> None:
        """Give up what was started."""


class MotoStandin:
    """moto's server as a child process that ends with this one."""

    def __init__(self) -> None:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "AWS_EC2_METADATA_DISABLED": "true",
            "MOTO_AMIS_PATH": str(
                Path(__file__).with_name("no_images.json")
            ),  # moto's own list costs time at each reset
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.cloud.standin_server", *SERVICES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        line = _pipe(self._process.stdout).readline().decode().strip()
        if not line.isdigit():
            problem = _pipe(self._process.stderr).read().decode(errors="replace").strip()
            self.close()
            raise StandinFailed(
                f"moto's server did not start, is moto[server] installed? It printed: {problem[-2000:]}"
            )
        self.endpoint_url = f"http://127.0.0.1:{line}"

    def reset(self, seed: int, region: str) -> None:
        """Empty moto's state and seed its ids.

        A region's EC2 makes a default VPC when it is first asked for, which draws ids too: so it is asked before the seed is set.
        """
        self._tell("reset")
        services = Services(self.endpoint_url, region)
        services.client("ec2").describe_vpcs()
        services.client("iam").list_roles()
        self._tell(f"seed?a={seed}")

    def _tell(self, path: str) -> None:
        request = urllib.request.Request(f"{self.endpoint_url}/moto-api/{path}", method="POST")
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def close(self) -> None:
        """End the child; harmless when called twice."""
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> MotoStandin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@functools.cache
def _service_models() -> botocore.loaders.Loader:
    """The API descriptions, parsed once in a process however many worlds it opens."""
    return botocore.loaders.create_loader()


class Services:
    """boto3 clients of one endpoint, made once each."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        self.region = region
        self.endpoint_url = endpoint_url
        core = botocore.session.Session()
        core.register_component("data_loader", _service_models())
        self._session = boto3.session.Session(
            aws_access_key_id="harness", aws_secret_access_key="harness", region_name=region, botocore_session=core
        )
        self._config = Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, parameter_validation=True
        )
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of `service`."""
        if service not in self._clients:
            make: Any = self._session.client
            self._clients[service] = make(service, endpoint_url=self.endpoint_url, config=self._config)
        return self._clients[service]


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise StandinFailed("the stand-in has no output pipe")
    return stream
