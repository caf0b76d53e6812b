"""The registry of one world: what is published can be pulled, what is not cannot, and everybody else's images are modelled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.cluster.images import BuildTarget
from harness.kube.hooks import Image, ImageError
from harness.targets.registry import FOREIGN_SIZE_BYTES, SERVICE_SIZE_BYTES, Registry

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
IDR = BuildTarget(
    "idr",
    "python:3.11",
    entrypoint=("python", "-m", "pipeline"),
    command=("idr",),
    env=(("PYTHONPATH", "/app"), ("EM_SOURCE", "idr")),
    working_dir="/app",
)


class Ecr:
    """An ECR client that remembers."""

    def __init__(self, *repositories: str) -> None:
        self._repositories = repositories
        self.asked: list[dict[str, Any]] = []

    def describe_repositories(self) -> dict[str, Any]:
        return {"repositories": [{"repositoryName": name} for name in self._repositories]}

    def put_image(self, **request: Any) -> None:
        self.asked.append(request)

    def batch_delete_image(self, **request: Any) -> None:
        self.asked.append(request)


@pytest.fixture
def ecr() -> Ecr:
    return Ecr("em-pipeline-idr", "unrelated")


@pytest.fixture
def registry(ecr: Ecr) -> Registry:
    return Registry(ecr, HOST, {"idr": IDR, "flyem": BuildTarget("flyem", "idr")})


def test_when_published_then_services_with_a_repository_are_pushed(registry: Registry, ecr: Ecr) -> None:
    assert registry.publish("0.1.0") == [f"{HOST}/em-pipeline-idr:0.1.0"]
    (pushed,) = ecr.asked
    assert (pushed["repositoryName"], pushed["imageTag"]) == ("em-pipeline-idr", "0.1.0")
    assert json.loads(pushed["imageManifest"])["layers"][0]["size"] == SERVICE_SIZE_BYTES


def test_given_a_published_image_then_it_is_the_service_of_the_dockerfile(registry: Registry) -> None:
    (reference,) = registry.publish("0.1.0")
    image = registry.resolve(reference)
    assert (image.service, image.size_bytes, image.working_dir) == ("idr", SERVICE_SIZE_BYTES, "/app")
    assert tuple(image.entrypoint) == IDR.program
    # a path of the image's own file system is left out
    assert tuple(image.env) == (("EM_SOURCE", "idr"),)


@pytest.mark.parametrize(
    "reference",
    [f"{HOST}/em-pipeline-idr:0.2.0", f"{HOST}/em-pipeline-idr", f"{HOST}/em-pipeline-flyem:0.1.0", f"{HOST}/other:1"],
)
def test_given_what_was_never_pushed_then_it_is_not_found(registry: Registry, reference: str) -> None:
    registry.publish("0.1.0")
    with pytest.raises(ImageError, match=f'failed to resolve reference "{reference}": {reference}: not found'):
        registry.resolve(reference)


def test_given_an_image_that_was_withdrawn_then_it_is_not_found(registry: Registry, ecr: Ecr) -> None:
    (reference,) = registry.publish("0.1.0")
    registry.withdraw("idr", "0.1.0")
    assert ecr.asked[-1] == {"repositoryName": "em-pipeline-idr", "imageIds": [{"imageTag": "0.1.0"}]}
    with pytest.raises(ImageError, match="not found"):
        registry.resolve(reference)


def test_another_accounts_registry_is_forbidden(registry: Registry) -> None:
    with pytest.raises(ImageError, match=f"403 Forbidden .the account's registry is {HOST}."):
        registry.resolve("999999999999.dkr.ecr.us-east-1.amazonaws.com/em-pipeline-idr:0.1.0")


@pytest.mark.parametrize(
    "reference",
    [
        "registry.k8s.io/pause:3.10",
        "nginx",
        "library/nginx:1",
        "localhost:5000/a:1",
        "quay.io/argoproj/workflow-controller@sha256:00",
        "public.ecr.aws/eks/pod:1",
    ],
)
def test_everybody_elses_images_exist_and_are_modelled(registry: Registry, reference: str) -> None:
    assert registry.resolve(reference) == Image(reference, None, size_bytes=FOREIGN_SIZE_BYTES)
