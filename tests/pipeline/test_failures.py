"""The failure matrix: what an archive, a store or a disk can do to a run, passing and lasting, seen from outside the program.

A failure that passes leaves no trace in the data set. One that lasts ends the run with exit code 1, one line that names place, reason and
remedy, a record that says failed, no root metadata, and a consolidation that fails.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pyftpdlib.exceptions import AuthenticationFailed

from fixtures.archives import Archives, FailureName, FailurePlan, FailureRule, ebi, epfl, flyem, ftp, idr, openorganelle
from fixtures.archives.answers import Answer, Question
from fixtures.formats import BytesFile
from fixtures.volumes import DatasetName
from pipeline.cli import main
from pipeline.settings import Settings
from pipeline.sources.base import Source
from tests.pipeline.services import SERVICES, Place
from tests.pipeline.sink.bucket import Answer as StoreAnswer
from tests.pipeline.sink.bucket import Bucket, serve
from tests.pipeline.synthetic import SyntheticSource, one_level

SCALE = 0.00002
HTTP: tuple[FailureName, ...] = ("http-500", "http-503", "dropped", "wrong-length")
FTP: tuple[FailureName, ...] = ("ftp-drop", "ftp-error", "wrong-length")
BY_OPERATION: list[tuple[DatasetName, str, str, str, tuple[FailureName, ...]]] = [
    ("ebi", "ebi-api", "GET", "*", HTTP),
    ("ebi", "ebi-ftp", "NLST", "*", ("ftp-error",)),
    ("ebi", "ebi-ftp", "SIZE", "*", ("ftp-error",)),
    ("ebi", "ebi-ftp", "RETR", "*", FTP),
    ("epfl", "epfl", "HEAD", "*", ("http-500", "http-503")),
    ("epfl", "epfl", "GET", "*", HTTP),
    ("flyem", "flyem", "GET", "*/info", ("http-503",)),
    ("flyem", "flyem", "GET", "*/raw/*", HTTP),
    ("idr", "idr-api", "GET", "*", HTTP),
    ("idr", "idr-ftp", "SIZE", "*", ("ftp-error",)),
    ("idr", "idr-ftp", "RETR", "*", FTP),
    ("openorganelle", "openorganelle", "GetObject", "*/.zarray", ("http-503",)),
    ("openorganelle", "openorganelle", "GetObject", "*/s0/0/0/0", HTTP),
]
FAILURES = [
    pytest.param(service, FailureRule(name, archive, target, operation), id=f"{archive}-{operation}-{target}-{name}")
    for service, archive, operation, target, names in BY_OPERATION
    for name in names
]
NOT_FOUND = [
    pytest.param(service, FailureRule("not-found", archive, target, operation), id=f"{archive}-{operation}-not-found")
    for service, archive, operation, target, _ in BY_OPERATION
    # A chunk that is not there is fill value.
    if not target.endswith("/0")
]
PLACE = {"ebi-ftp": "ftp://", "idr-ftp": "ftp://", "openorganelle": "s3://"}
"""How the place in a message begins, where it is not http://."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The digest of every data set."""
    with Archives(SCALE, 1) as running:
        place = Place(tmp_path_factory.mktemp("undisturbed"), running)
        assert [place.run(service) for service in SERVICES] == [0] * len(SERVICES)
        yield {service: place.digest(service) for service in SERVICES}


def waits_s(output: str) -> list[float]:
    lines = [json.loads(line) for line in output.splitlines()]
    return [line["wait_s"] for line in lines if line["message"].endswith("failed, trying again")]


@pytest.mark.parametrize(("service", "rule"), FAILURES)
def test_given_a_failure_that_passes_then_the_run_backs_off_and_its_data_set_is_the_undisturbed_one(
    tmp_path: Path,
    undisturbed: Mapping[str, str],
    capsys: pytest.CaptureFixture[str],
    service: DatasetName,
    rule: FailureRule,
) -> None:
    plan = FailurePlan([dataclasses.replace(rule, first=2)])
    with Archives(SCALE, 1, failures=plan) as running:
        place = Place(tmp_path, running)
        assert place.run(service) == 0
    assert plan.unfired == ()
    output = capsys.readouterr()
    assert output.err == ""
    assert waits_s(output.out) == [0.001, 0.002]
    assert place.digest(service) == undisturbed[service]


@pytest.mark.parametrize("service", ["epfl"])
def test_given_a_server_that_ignores_a_range_then_the_run_takes_its_part(
    tmp_path: Path, undisturbed: Mapping[str, str], service: DatasetName
) -> None:
    with Archives(SCALE, 1, failures=FailurePlan([FailureRule("no-range", archive="epfl", first=3)])) as running:
        place = Place(tmp_path, running)
        assert place.run(service) == 0
    assert place.digest(service) == undisturbed[service]


@pytest.mark.parametrize(("service", "rule"), FAILURES + NOT_FOUND)
def test_given_a_failure_that_lasts_then_the_run_ends_with_one_line_and_no_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], service: DatasetName, rule: FailureRule
) -> None:
    plan = FailurePlan([rule])
    with Archives(SCALE, 1, failures=plan) as running:
        place = Place(tmp_path, running)
        assert place.run(service, EM_RETRY_ATTEMPTS="3") == 1
        assert plan.unfired == ()
        output = capsys.readouterr()
        expect_failure(place, service, output.err, PLACE.get(rule.archive, "http://"))
        assert waits_s(output.out) == ([] if rule.failure == "not-found" else [0.001, 0.002])


def expect_failure(place: Place, service: str, errors: str, begin: str) -> None:
    """One line of place, reason and remedy, and nothing that looks like a data set."""
    found = re.fullmatch(rf"{service}: ({re.escape(begin)}\S*: [^;]+[;,] .+)\n", errors)
    assert found, errors
    record = place.record(service)
    assert (record["status"], record["error"]["message"]) == ("failed", found[1])
    assert place.roots(service) == []
    assert main(["consolidate", "--expected-sources", service], place.environ()) == 1


ACCESS = {
    "ebi-api": ("ebi", ebi.EmpiarApi),
    "epfl": ("epfl", epfl.Epfl),
    "flyem": ("flyem", flyem.FlyEm),
    "idr-api": ("idr", idr.IdrApi),
    "openorganelle": ("openorganelle", openorganelle.OpenOrganelle),
}


def refuse(_archive: object, question: Question) -> Answer:
    body = BytesFile(b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
    return Answer(question.method, 403, body, "application/xml")


@pytest.mark.parametrize("archive", ACCESS)
def test_given_an_archive_that_denies_access_then_it_is_not_asked_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, archive: str
) -> None:
    service, served = ACCESS[archive]
    monkeypatch.setattr(served, "answer", refuse)
    with Archives(SCALE, 1) as running:
        place = Place(tmp_path, running)
        assert place.run(service) == 1
        output = capsys.readouterr()
        expect_failure(place, service, output.err, PLACE.get(archive, "http://"))
        assert "check that it is public and that the name is right" in output.err
        assert waits_s(output.out) == []


@pytest.mark.parametrize("service", ["ebi", "idr"])
def test_given_an_ftp_server_that_lets_nobody_in_then_the_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    def nobody(*_: object) -> None:
        raise AuthenticationFailed("Anonymous access not allowed.")

    monkeypatch.setattr(ftp._Session.authorizer, "validate_authentication", nobody)
    monkeypatch.setattr(ftp._Session, "auth_failed_timeout", 0, raising=False)
    with Archives(SCALE, 1) as running:
        place = Place(tmp_path, running)
        assert place.run(service) == 1
        errors = capsys.readouterr().err
        expect_failure(place, service, errors, "ftp://")
    assert "the server answered 530" in errors


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("service", ["ebi", "idr"])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_given_a_scratch_disk_that_is_full_then_it_is_not_taken_for_a_failure_of_the_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, service: str, what: str
) -> None:
    with Archives(SCALE, 1) as running, monkeypatch.context() as patch:
        place = Place(tmp_path, running)
        if what == "file":
            # Every write to this device fails, as on a disk without room.
            patch.setattr("tempfile.TemporaryFile", lambda **_: open("/dev/full", "w+b", buffering=0))  # noqa: SIM115
        else:
            patch.setattr("tempfile.mkdtemp", no_space)
        assert place.run(service) == 1
        output = capsys.readouterr()
        expect_failure(place, service, output.err, "ftp://" if what == "file" else "/tmp")
    assert "No space left on device; give TMPDIR a directory with room" in output.err
    assert waits_s(output.out) == []


def synthetic(_service: str, settings: Settings, _scratch: Path) -> Source:
    return SyntheticSource(one_level((65, 70, 130)))


def run_synthetic(place: Place, **environ: str) -> int:
    return main(["epfl"], {**place.environ(), **environ}, synthetic)


@pytest.fixture
def place(tmp_path: Path, archives: Archives) -> Place:
    return Place(tmp_path, archives)


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.ENOSPC, "No space left on device"), (errno.EACCES, "Permission denied")]
)
@pytest.mark.parametrize("at", [1, 4, 9])
def test_given_a_local_store_that_cannot_be_written_then_the_next_run_goes_on_where_it_ended(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    reason: str,
    at: int,
) -> None:
    from pipeline.sink import local

    write, count = local._write, 0

    def full(descriptor: int, body: bytes) -> None:
        nonlocal count
        count += 1
        if count >= at:
            raise OSError(code, reason)
        write(descriptor, body)

    with monkeypatch.context() as patch:
        patch.setattr(local, "_write", full)
        assert run_synthetic(place) == 1
        errors = capsys.readouterr().err
        expect_failure(place, "epfl", errors, "file://")
    assert f": {reason}, check the directory that EM_SINK_URL names" in errors
    assert run_synthetic(place) == 0
    assert len(list(place.store.rglob("*"))) == len(set(place.store.rglob("[!.]*")))


def test_given_a_data_directory_that_is_full_then_the_line_names_it(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.atomic.os.fsync", no_space)
    assert run_synthetic(place) == 1
    errors = capsys.readouterr().err
    assert re.fullmatch(r"epfl: \S+EPFL-Hippocampus.json: No space left on device, check EM_DATA_DIR\n", errors)
    assert place.roots("epfl") == []


STORE_PASSES = {
    "503": StoreAnswer(503, "SlowDown"),
    "500": StoreAnswer(500, "InternalError"),
    "dropped": StoreAnswer(is_dropped=True),
}
STORE_LASTS = {
    **STORE_PASSES,
    "403": StoreAnswer(403, "AccessDenied"),
    "404": StoreAnswer(404, "NoSuchBucket"),
}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bucket, dict[str, str]]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    bucket = Bucket()
    with serve(bucket) as url:
        yield bucket, {"EM_SINK_URL": "s3://bucket", "AWS_ENDPOINT_URL_S3": url, "AWS_REGION": "us-east-1"}


@pytest.mark.parametrize("failure", STORE_PASSES)
def test_given_a_bucket_whose_failures_pass_then_the_data_set_is_the_undisturbed_one(
    place: Place, store: tuple[Bucket, dict[str, str]], capsys: pytest.CaptureFixture[str], failure: str
) -> None:
    bucket, environ = store
    bucket.failures = dict.fromkeys((1, 2, 6, 7), STORE_PASSES[failure])
    assert run_synthetic(place, **environ) == 0
    assert waits_s(capsys.readouterr().out) == [0.001, 0.002] * 2
    objects = {key.removeprefix("/bucket/"): body for key, body in bucket.objects.items()}
    assert run_synthetic(place) == 0
    assert objects == {
        str(path.relative_to(place.store)): path.read_bytes() for path in place.store.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("first", [1, 5])
@pytest.mark.parametrize("failure", STORE_LASTS)
def test_given_a_bucket_whose_failures_last_then_the_run_ends_with_one_line_and_no_data_set(
    place: Place, store: tuple[Bucket, dict[str, str]], capsys: pytest.CaptureFixture[str], failure: str, first: int
) -> None:
    bucket, environ = store
    bucket.failures = dict.fromkeys(range(first, 100), STORE_LASTS[failure])
    assert run_synthetic(place, EM_RETRY_ATTEMPTS="3", **environ) == 1
    expect_failure(place, "epfl", capsys.readouterr().err, "s3://bucket/epfl/")
    assert not [key for key in bucket.objects if key.endswith(".ome.zarr/zarr.json")]
