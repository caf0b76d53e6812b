"""The composition, run: only with HARNESS_DOCKER=1, as it needs Docker and minutes. Nothing is published on the host."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.archives import Archives
from pipeline.settings import LOADERS, SERVICES

ROOT = Path(__file__).parents[2]
FILE = ROOT / "compose/docker-compose.yaml"
PROJECT = f"em-pipeline-test-{os.getpid()}"
SCALE = 0.0002
OBJECTS = """
import boto3, hashlib, json
store = boto3.client("s3", region_name="us-east-1")
pages = store.get_paginator("list_objects_v2").paginate(Bucket="em-data")
keys = [found["Key"] for page in pages for found in page["Contents"]]
read = lambda key: store.get_object(Bucket="em-data", Key=key)["Body"].read()
print(json.dumps({key: hashlib.sha256(read(key)).hexdigest() for key in keys}))
"""
CATCHES_SIGTERM = """
caught = next(line for line in open("/proc/1/status") if line.startswith("SigCgt"))
print(int(caught.split()[1], 16) >> 14 & 1)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("HARNESS_DOCKER") != "1", reason="builds and runs images: set HARNESS_DOCKER=1"),
]


def docker(*words: str, check: bool = True) -> str:
    ran = subprocess.run(
        ["docker", *words],
        cwd=ROOT,
        env=os.environ | {"EM_ARCHIVES_SCALE": str(SCALE)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0 or not check, f"docker {' '.join(words)}\n{ran.stdout[-2000:]}{ran.stderr[-4000:]}"
    return ran.stdout.strip()


def compose(*words: str) -> str:
    return docker("compose", "-f", str(FILE), "-p", PROJECT, *words)


def container(service: str) -> str:
    return compose("ps", "--all", "--quiet", service)


def up() -> dict[str, int]:
    """Bring everything up; the exit codes of what ends by itself."""
    compose("up", "--detach")
    return {service: int(docker("wait", container(service))) for service in ("bucket", *SERVICES)}


def objects() -> dict[str, str]:
    """The SHA-256 of every object in the bucket, read through the composition's own network."""
    found: dict[str, str] = json.loads(compose("run", "--rm", "--no-deps", "-T", "bucket", "python", "-c", OBJECTS))
    return found


def settings(service: str) -> dict[str, str]:
    """What the composition sets for a service, but for the places."""
    given: dict[str, str] = yaml.safe_load(FILE.read_text())["services"][service]["environment"]
    kept = {"ZARR_CHUNK_SIZE_MB", "MAX_WORKERS", "MEMORY_LIMIT_GB"}
    return {name: value.partition(":-")[2].rstrip("}") or value for name, value in given.items() if name in kept}


@pytest.fixture(scope="module")
def ended() -> Iterator[dict[str, int]]:
    try:
        compose("build")
        yield up()
    finally:
        compose("down", "--volumes", "--timeout", "10")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the same scale without containers; the folder that it stores to."""
    data = tmp_path_factory.mktemp("local")
    with Archives(SCALE, seed=0) as archives:
        places = archives.environment_for("local") | {"EM_DATA_DIR": str(data), "EM_SINK_URL": str(data / "store")}
        for service in SERVICES:
            subprocess.run(
                [sys.executable, "-m", "pipeline", service],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"]} | settings(service) | places,
                check=True,
                capture_output=True,
                timeout=120,
            )
    return data / "store"


def test_every_service_ends_with_0_and_the_catalogue_holds_all(ended: dict[str, int]) -> None:
    assert ended == dict.fromkeys(("bucket", *SERVICES), 0)
    words = ("run", "--rm", "--no-deps", "-T", "--entrypoint", "cat", "consolidate")
    catalogue: dict[str, Any] = json.loads(compose(*words, "data/catalogue/catalog.json"))
    assert {record["source"]: record["status"] for record in catalogue["records"]} == dict.fromkeys(LOADERS, "complete")


def test_the_bucket_holds_what_a_run_without_containers_stores(ended: dict[str, int], local: Path) -> None:
    files = {path.relative_to(local).as_posix(): path for path in local.rglob("*") if path.is_file()}
    assert objects() == {key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in files.items()}
    assert len([key for key in files if key.endswith(".ome.zarr/zarr.json")]) == len(LOADERS)


def test_a_second_up_ingests_nothing(ended: dict[str, int]) -> None:
    before = objects()
    assert set(up().values()) == {0}
    assert objects() == before
    for service in LOADERS:
        assert '"already ingested"' in compose("logs", "--no-log-prefix", service).splitlines()[-1]


def test_nothing_runs_as_root_and_nothing_is_published(ended: dict[str, int]) -> None:
    for service in ("archives", "store", "bucket", *SERVICES):
        (found,) = json.loads(docker("inspect", container(service)))
        assert found["Config"]["User"] == "10001:10001", service
        assert not found["HostConfig"]["PortBindings"], service


def test_a_loader_that_waits_for_its_archive_ends_with_143_on_sigterm(ended: dict[str, int]) -> None:
    compose("pause", "archives")
    try:
        loader = compose("run", "--detach", "--no-deps", "epfl").splitlines()[-1]
        give_up = time.monotonic() + 60
        while docker("exec", loader, "python", "-c", CATCHES_SIGTERM, check=False) != "1":
            assert time.monotonic() < give_up, docker("logs", loader)
        docker("stop", "--time", "15", loader)
        assert docker("wait", loader) == "143"
        docker("rm", loader)
    finally:
        compose("unpause", "archives")
