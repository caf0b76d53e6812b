"""The Dockerfile and the composition, as documents: what they name exists here. No Docker is needed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from fixtures.archives import ARCHIVE_NAMES, VARIABLES, Archives
from fixtures.archives.__main__ import _arguments
from pipeline.settings import LOADERS, SERVICES, names, parse

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose/docker-compose.yaml").read_text())["services"]
OF_AWS = {"AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def by_default(text: str) -> str:
    """A value of the composition when its variable is not set."""
    return re.sub(r"\$\{\w+:-(.*)\}", r"\1", text)


def entry_points() -> dict[str, list[str]]:
    found = re.findall(r"^FROM runtime AS (\S+)\nENTRYPOINT (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return {target: json.loads(words) for target, words in found}


def test_every_service_has_a_target_that_runs_it() -> None:
    assert entry_points() == {service: ["python", "-m", "pipeline", service] for service in SERVICES}


def test_the_images_run_as_nobody_special_and_need_no_buildkit() -> None:
    runtime = DOCKERFILE.partition("AS runtime")[2].partition("\nFROM")[0]
    assert re.search(r"^USER 10001:10001$", runtime, re.MULTILINE)
    assert not re.search(r"--mount|--link|--chmod|<<|^# *syntax", DOCKERFILE, re.MULTILINE)


def test_what_the_images_copy_exists_and_is_in_the_build_context() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in ("Dockerfile", "compose/standins.Dockerfile"):
        for source in re.findall(r"^COPY (\S+) \S+$", (ROOT / name).read_text(), re.MULTILINE):
            assert (ROOT / source).exists(), f"{name}: {source}"
            assert f"!{source}" in ignored or f"!{Path(source).parent}/*{Path(source).suffix}" in ignored


def test_the_lock_pins_everything_that_is_asked_for() -> None:
    lock = (ROOT / "requirements/pipeline.lock").read_text()
    pinned = {
        line.partition("==")[0].replace("_", "-").lower() for line in lock.splitlines() if line and line[0] != "#"
    }
    assert all("==" in line for line in lock.splitlines() if line and line[0] != "#")
    asked = (ROOT / "requirements/pipeline.in").read_text().split("\n")
    assert {line.lower() for line in asked if line and line[0] != "#"} <= pinned


def test_the_pipeline_imports_only_what_the_images_install() -> None:
    names_of = {"jsonschema_rs": "jsonschema-rs", "prometheus_client": "prometheus-client", "botocore": "boto3"}
    asked = set((ROOT / "requirements/pipeline.in").read_text().split("\n"))
    found = set()
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        code = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
        for name in re.findall(r"^ *(?:from|import) ([a-zA-Z_0-9]+)", code, re.MULTILINE):
            if name not in sys.stdlib_module_names and name not in {"pipeline", "mypy_boto3_s3"}:
                found.add(names_of.get(name, name))
    assert found <= asked
    assert found == {name for name in asked if name and name[0] != "#"}


@pytest.mark.parametrize("service", SERVICES)
def test_the_composition_runs_every_service_with_settings_that_exist(service: str) -> None:
    found = COMPOSE[service]
    assert found["build"] == {"context": "..", "target": service}
    assert set(found["environment"]) <= set(names()) | OF_AWS
    plain = {name: by_default(value) for name, value in found["environment"].items()}
    settings = parse([service], plain)[1]
    limit_mb = int(found["mem_limit"].removesuffix("m"))
    assert settings.memory_limit_gb * 1000 < limit_mb or service == "consolidate"


def test_everything_waits_for_what_it_needs_and_consolidation_comes_last() -> None:
    for service, found in COMPOSE.items():
        assert set(found.get("depends_on", {})) <= set(COMPOSE), service

    def before(service: str) -> set[str]:
        direct = set(COMPOSE[service].get("depends_on", {}))
        return direct.union(*(before(other) for other in direct))

    assert before("consolidate") == set(COMPOSE) - {"consolidate"}
    assert before("epfl") == {"archives", "store", "bucket"}
    assert "idr" in before("flyem")
    assert "flyem" in before("ebi")


def test_no_service_wants_more_than_a_cpu_as_docker_refuses_what_the_machine_lacks() -> None:
    assert {service for service, found in COMPOSE.items() if found.get("cpus", 1) > 1} == set()


def test_nothing_is_published_on_the_host() -> None:
    assert {service for service, found in COMPOSE.items() if {"ports", "network_mode"} & set(found)} == set()


def test_the_services_look_where_the_archives_of_the_composition_are() -> None:
    command = [by_default(word) for word in COMPOSE["archives"]["command"]]
    assert command[:3] == ["python", "-m", "fixtures.archives"]
    given = _arguments(command[3:])
    with Archives(given.scale, given.seed) as archives:
        said = archives.environment_for("compose")
    expected = {}
    for port, name in enumerate(ARCHIVE_NAMES, given.port_base):
        url = urlsplit(said[VARIABLES[name]])
        expected[VARIABLES[name]] = url._replace(netloc=f"archives:{port}").geturl()
    used = [(name, value) for service in LOADERS for name, value in COMPOSE[service]["environment"].items()]
    assert {name: value for name, value in used if name.startswith("EM_SOURCE_")} == expected
    # Listeners are opened in this order, so who reaches the last one can reach all.
    assert f"'127.0.0.1', {port}" in COMPOSE["archives"]["healthcheck"]["test"][-1]
