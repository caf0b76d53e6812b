"""Where a world's images come from: the account's ECR repositories as the stand-in holds them, and everybody else's registries.

An image of our own registry must have been published there under that tag, and names a service of the repository's Dockerfile. Images of other hosts are
taken to exist; their containers are modelled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from harness.cluster.images import BuildTarget
from harness.kube.hooks import Image, ImageError

REPOSITORY_PREFIX = "em-pipeline-"
FOREIGN_SIZE_BYTES = 30_000_000  # the platform's images are 20 to 40 MB compressed
SERVICE_SIZE_BYTES = 160_000_000  # python:3.11-slim with numpy, tensorstore and boto3, compressed


def _parse(reference: str) -> tuple[str, str, str]:
    """(host, repository, tag) of an image reference; Docker Hub where no host is named."""
    name, _, _digest = reference.partition("@")
    head, _, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    host, _, path = head.partition("/")
    if "." not in host and ":" not in host and host != "localhost":
        host, path = "docker.io", head
    return host, f"{path}/{repository}" if path else repository, tag or "latest"


class Registry:
    """The image registry of one world. `targets` are the services of the Dockerfile."""

    def __init__(self, ecr: Any, registry_host: str, targets: Mapping[str, BuildTarget]) -> None:
        self._ecr = ecr
        self._host = registry_host
        self._targets = targets
        self._published: dict[tuple[str, str], int] = {}
        found = ecr.describe_repositories()["repositories"]
        self.repositories = frozenset(str(repository["repositoryName"]) for repository in found)

    def publish(self, tag: str) -> list[str]:
        """Push every service's image under `tag`, as CI does; returns the references.

        Services without a repository are left out; a tag that was pushed already is immutable and stays.
        """
        references = []
        for service in sorted(self._targets):
            repository = f"{REPOSITORY_PREFIX}{service}"
            if repository not in self.repositories:
                continue
            references.append(f"{self._host}/{repository}:{tag}")
            if (repository, tag) in self._published:
                continue
            layer = f"sha256:{hashlib.sha256(f'{repository}:{tag}'.encode()).hexdigest()}"
            manifest = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": layer},
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                        "size": SERVICE_SIZE_BYTES,
                        "digest": layer,
                    }
                ],
            }
            self._ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)
            self._published[repository, tag] = SERVICE_SIZE_BYTES
        return references

    def withdraw(self, service: str, tag: str) -> None:
        """Delete a published image."""
        repository = f"{REPOSITORY_PREFIX}{service}"
        self._ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": tag}])
        self._published.pop((repository, tag), None)

    def resolve(self, reference: str) -> Image:
        """The image behind a reference. Raises ImageError."""
        host, repository, tag = _parse(reference)
        if host != self._host:
            if host.endswith(".amazonaws.com") and ".dkr.ecr." in host:
                raise ImageError(
                    f'failed to pull and unpack image "{reference}": unexpected status from HEAD request to https://{host}: '
                    f"403 Forbidden (the account's registry is {self._host})"
                )
            return Image(reference, None, size_bytes=FOREIGN_SIZE_BYTES)
        size_bytes = self._published.get((repository, tag))
        if size_bytes is None:
            raise ImageError(
                f'failed to pull and unpack image "{reference}": failed to resolve reference "{reference}": {reference}: not found'
            )
        service = repository.removeprefix(REPOSITORY_PREFIX)
        target = self._targets[service]
        # a path of the image's own file system means nothing to a process that runs from this checkout
        env = tuple((name, value) for name, value in target.env if not value.startswith("/"))
        return Image(reference, service, target.program, size_bytes, env, target.working_dir)
