"""What is built for the cluster: which stages, under which names, and what stands in for the platform's programs. The engine is a script."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.targets.kind import answering
from harness.targets.kind.builds import (
    StandIn,
    build_services,
    build_stand_in,
    service_of,
    stand_in_dockerfile,
    stand_ins,
)
from harness.targets.project import find_project
from tests.harness.targets.kind.engines import scripted_engine

ROOT = find_project("dev").root
AUTOSCALER = StandIn("registry.k8s.io/autoscaling/cluster-autoscaler:v1.36.1", "cluster-autoscaler", (8085,))


def test_a_reference_of_the_registry_names_its_service() -> None:
    assert service_of("123456789012.dkr.ecr.us-east-1.amazonaws.com/em-pipeline-ebi:0.1.0") == "ebi"
    with pytest.raises(LookupError, match="em-pipeline-"):
        service_of("quay.io/argoproj/workflow-controller:v4.1.2")


def test_each_service_is_a_stage_on_the_base_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_PYTHON_IMAGE", "base:1")
    engine, asked = scripted_engine(tmp_path, "")
    assert build_services(engine, ROOT, ["ebi"]) == {"ebi": "em-pipeline-ebi:harness"}
    assert asked.read_text().split("\n")[:-1] == [
        f"build --target ebi --tag em-pipeline-ebi:harness --build-arg BASE=base:1 {ROOT}"
    ]
    monkeypatch.delenv("HARNESS_PYTHON_IMAGE")
    build_services(engine, ROOT, ["idr"])
    assert "--build-arg" not in asked.read_text().splitlines()[-1]


def test_a_service_without_a_stage_is_refused(tmp_path: Path) -> None:
    engine, asked = scripted_engine(tmp_path, "")
    with pytest.raises(LookupError, match="Dockerfile has no stage for nothing"):
        build_services(engine, ROOT, ["ebi", "nothing"])
    assert asked.read_text() == ""


def test_what_stands_in_has_the_programs_name_and_ports() -> None:
    def deployment(container: Mapping[str, object]) -> Mapping[str, object]:
        return {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}}}

    autoscaler = {
        "image": AUTOSCALER.reference,
        "command": ["./cluster-autoscaler", "--v=4"],
        "ports": [{"containerPort": 8085}],
    }
    bare = {"image": "quay.io/argoproj/workflow-controller:v4.1.2", "ports": []}
    assert stand_ins([{"kind": "Namespace"}, deployment(autoscaler), deployment(bare), deployment(autoscaler)]) == [
        StandIn("quay.io/argoproj/workflow-controller:v4.1.2", "workflow-controller", ()),
        AUTOSCALER,
    ]


def test_the_image_is_named_after_the_program(tmp_path: Path) -> None:
    engine, _ = scripted_engine(tmp_path, "")
    assert build_stand_in(engine, AUTOSCALER) == "em-harness-stand-in-cluster-autoscaler:harness"
    lines = stand_in_dockerfile(AUTOSCALER).splitlines()
    assert 'ENV PORTS="8085" PATH=/stand-in:$PATH' in lines
    assert "USER 65534:65534" in lines


@pytest.mark.slow
def test_the_program_says_it_is_well_and_ends_on_sigterm() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(Path(answering.__file__)), "--for=the-real-program"]
    with subprocess.Popen(command, env={**os.environ, "PORTS": str(port)}, stderr=subprocess.DEVNULL) as program:
        assert answers(f"http://127.0.0.1:{port}/health-check") == 200
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0


def answers(url: str) -> int:
    """The status of the first answer."""
    limit = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)
