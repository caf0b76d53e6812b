"""The images that this repository makes for the cluster: its services out of the Dockerfile, and stand-ins for what the platform would run.

Built on this machine's engine with whichever builder that has, and kept there under local names, so that the next build finds its layers. From
there `ImageStore.publish` gives them the names that the manifests ask for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cluster.images import read_dockerfile
from harness.targets.kind.capacity import archive
from harness.targets.kind.engine import Engine
from harness.targets.registry import REPOSITORY_PREFIX

_PROGRAM = Path(__file__).with_name("answering.py")


@dataclass(frozen=True)
class StandIn:
    """A container whose real program is not run: what it is called there, and the ports that it answers on."""

    reference: str
    program: str
    ports: tuple[int, ...]


def stand_ins(documents: Iterable[Mapping[str, Any]]) -> list[StandIn]:
    """What stands in for the containers of Deployments, one an image; other documents have none."""
    found: dict[str, StandIn] = {}
    for document in documents:
        if document["kind"] == "Deployment":
            for container in document["spec"]["template"]["spec"]["containers"]:
                one = _stand_in(container)
                known = found.get(one.reference, one)
                ports = tuple(sorted({*known.ports, *one.ports}))
                found[one.reference] = StandIn(one.reference, one.program, ports)
    return [found[reference] for reference in sorted(found)]


def service_of(reference: str) -> str:
    """The service whose image a reference of the account's registry names. Raises LookupError."""
    repository = reference.rpartition("/")[2].partition(":")[0]
    if not repository.startswith(REPOSITORY_PREFIX):
        raise LookupError(f"image {reference} is of no service: its repository begins with {REPOSITORY_PREFIX}")
    return repository.removeprefix(REPOSITORY_PREFIX)


def local_name(service: str) -> str:
    """What the engine calls the image of a service."""
    return f"{REPOSITORY_PREFIX}{service}:harness"


def build_services(engine: Engine, root: Path, services: Sequence[str]) -> dict[str, str]:
    """Build services' images from the checkout; their local names by service. Raises EngineError with the builder's words."""
    dockerfile = root / "Dockerfile"
    known = read_dockerfile(dockerfile)
    unknown = sorted(set(services) - set(known))
    if unknown:
        raise LookupError(f"{dockerfile.name} has no stage for {', '.join(unknown)}")
    for service in services:
        engine.build("--target", service, "--tag", local_name(service), *_base(), str(root), env=_environment())
    return {service: local_name(service) for service in services}


def build_stand_in(engine: Engine, stand_in: StandIn) -> str:
    """Build the image of a stand-in; its local name."""
    name = f"em-harness-stand-in-{re.sub(r'[^a-z0-9]+', '-', stand_in.program.lower()).strip('-')}:harness"
    context = archive({"Dockerfile": stand_in_dockerfile(stand_in), stand_in.program: _PROGRAM.read_text()})
    engine.build("--tag", name, *_base(), "-", stdin=context, env=_environment())
    return name


def stand_in_dockerfile(stand_in: StandIn) -> str:
    """The program is found by its name and, from the working directory, by ./name; the user is nobody, as the platform's images have it."""
    return "\n".join(
        [
            "ARG BASE=python:3.11-slim-bookworm",
            "FROM ${BASE}",
            f'ENV PORTS="{" ".join(map(str, stand_in.ports))}" PATH=/stand-in:$PATH',
            "WORKDIR /stand-in",
            f"COPY {stand_in.program} .",
            "USER 65534:65534",
            f'ENTRYPOINT ["{stand_in.program}"]',
            "",
        ]
    )


def _stand_in(container: Mapping[str, Any]) -> StandIn:
    reference = str(container["image"])
    command = container.get("command") or [reference.partition("@")[0].rpartition("/")[2].partition(":")[0]]
    ports = tuple(int(port["containerPort"]) for port in container.get("ports") or ())
    return StandIn(reference, Path(str(command[0])).name, ports)


def _base() -> list[str]:
    """The base image: HARNESS_PYTHON_IMAGE where the published one cannot be had."""
    named = os.environ.get("HARNESS_PYTHON_IMAGE")
    return ["--build-arg", f"BASE={named}"] if named else []


def _environment() -> dict[str, str]:
    """A provenance would make the image a list of two, of which a node wants one."""
    return {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
