"""`python -m pipeline` as processes: SIGTERM in every phase, and two writers of one data set at once.

What is real here: processes, signals, sockets, the local store. What is not: the archives, which a gate holds still, and S3, which is moto
or a small server.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import boto3
import pytest

from fixtures.archives import Archives, FailurePlan, FailureRule, Request
from fixtures.volumes import DatasetName
from tests.pipeline.conftest import SCALE
from tests.pipeline.services import Place
from tests.pipeline.sink.bucket import Bucket, serve

ROOT = Path(__file__).parents[2]
GRACE_S = 10
BASE = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
KEYS = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def start(service: str, environ: Mapping[str, str], *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", service, *flags],
        cwd=ROOT,
        env={**BASE, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def expect_143(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    began_s = time.monotonic()
    _, errors = process.communicate(timeout=2 * GRACE_S)
    assert (process.returncode, errors) == (143, "")
    assert time.monotonic() - began_s < GRACE_S


class Silence:
    """Lets requests through until one is for `target`, which is never answered."""

    def __init__(self, operation: str, target: str) -> None:
        self._operation, self._target = operation, target
        self.reached = threading.Event()

    def knock(self, request: Request) -> Future[None]:
        passed: Future[None] = Future()
        if request.operation == self._operation and self._target in request.target:
            self.reached.set()
        else:
            passed.set_result(None)
        return passed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "operation", "target"),
    [
        pytest.param("ebi", "NLST", "", id="describe-ftp"),
        pytest.param("epfl", "HEAD", "", id="describe-http"),
        pytest.param("idr", "RETR", "", id="read-ftp"),
        pytest.param("flyem", "GET", "/raw/", id="read-http"),
        pytest.param("openorganelle", "GetObject", "/s0/0/", id="read-s3"),
    ],
)
def test_given_an_archive_that_is_silent_when_terminated_then_the_run_is_cancelled_at_once(
    tmp_path: Path, service: DatasetName, operation: str, target: str
) -> None:
    gate = Silence(operation, target)
    with Archives(SCALE, 1, gate=gate) as archives:
        place = Place(tmp_path, archives)
        with start(service, place.environ()) as process:
            assert gate.reached.wait(30)
            expect_143(process)
    assert place.record(service)["status"] == "cancelled"
    assert place.roots(service) == []


@pytest.mark.slow
def test_given_a_run_that_waits_before_another_try_when_terminated_then_it_does_not_wait_on(tmp_path: Path) -> None:
    plan = FailurePlan([FailureRule("http-503", archive="flyem")])
    with Archives(SCALE, 1, failures=plan) as archives:
        place = Place(tmp_path, archives)
        with start("flyem", place.environ(), "--retry-backoff-s", "60") as process:
            assert process.stdout is not None
            assert "trying again" in process.stdout.readline()
            expect_143(process)
    assert place.record("flyem")["status"] == "cancelled"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "method"), [("flyem", "PUT"), ("consolidate", "HEAD")], ids=["write", "consolidate"]
)
def test_given_a_store_that_is_silent_when_terminated_then_the_run_ends_at_once(
    archives: Archives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str, method: str
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bucket, reached, ended = Bucket(), threading.Event(), threading.Event()

    def hang(asked: str, path: str) -> None:
        if asked == method and "/c/" in path:
            reached.set()
            ended.wait(30)

    bucket.on_request = hang
    with serve(bucket) as url:
        place = Place(tmp_path, archives)
        environ = {**place.environ(), **KEYS, "EM_SINK_URL": "s3://bucket", "AWS_ENDPOINT_URL_S3": url}
        if service == "consolidate":
            assert place.run("flyem", **environ) == 0
        with start(service, environ, "--expected-sources", "flyem") as process:
            assert reached.wait(30)
            expect_143(process)
        ended.set()
    status = place.record("flyem")["status"]
    assert status == ("complete" if service == "consolidate" else "cancelled")
    assert not (tmp_path / "data/catalogue/catalog.json").exists()


class Together:
    """Holds requests for voxels until two clients have made one, so that both write at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: set[str] = set()
        self._waiting: list[Future[None]] = []

    def knock(self, request: Request) -> Future[None]:
        passed: Future[None] = Future()
        ready = [passed]
        if "/raw/" in request.target:
            with self._lock:
                self._clients.add(request.client)
                self._waiting.append(passed)
                ready = []
                if len(self._clients) == 2:
                    ready, self._waiting = self._waiting, []
        for future in ready:
            future.set_result(None)
        return passed


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("store", ["local", "s3"])
def test_given_two_writers_at_once_then_both_succeed_and_the_bytes_are_those_of_one(
    ingested: Place, moto_url: str, tmp_path: Path, store: str
) -> None:
    environ: dict[str, str] = {}
    client = boto3.client(
        "s3",
        endpoint_url=moto_url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    if store == "s3":
        client.create_bucket(Bucket="two-writers")
        environ = {**KEYS, "EM_SINK_URL": "s3://two-writers", "AWS_ENDPOINT_URL_S3": moto_url}
    with Archives(SCALE, 1, gate=Together()) as archives:
        places = [Place(tmp_path, archives, name) for name in ("one", "two")]
        writers = [start("flyem", {**place.environ(), **environ}) for place in places]
        ended = [(*writer.communicate(timeout=60), writer.returncode) for writer in writers]
    assert [(errors, code) for _, errors, code in ended] == [("", 0)] * 2
    assert all("ingesting" in [json.loads(line)["message"] for line in output.splitlines()] for output, _, _ in ended)
    if store == "s3":
        keys = [found["Key"] for found in client.list_objects_v2(Bucket="two-writers")["Contents"]]
        stored = {key: client.get_object(Bucket="two-writers", Key=key)["Body"].read() for key in keys}
    else:
        stored = files_below(places[0].store)
    assert stored == {key: body for key, body in files_below(ingested.store).items() if key.startswith("flyem/")}
    assert places[0].record("flyem")["status"] == "complete"
    assert places[0].digest("flyem") == ingested.digest("flyem")
