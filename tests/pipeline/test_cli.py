"""The program as a process and as a function: exit codes, the one line, SIGTERM, records, metrics."""

from __future__ import annotations

import ftplib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.errors import SourceError, TransientError
from pipeline.settings import Settings
from pipeline.sources.base import Source
from tests.pipeline.synthetic import SyntheticSource, one_level

ROOT = Path(__file__).parents[2]


def flags(folder: Path) -> list[str]:
    return ["--sink-url", str(folder / "store"), "--data-dir", str(folder / "data"), "--zarr-chunk-size-mb", "0.3"]


def run(folder: Path, source: Source | Exception, *more: str) -> int:
    def open_source(_service: str, _settings: Settings, _scratch: Path) -> Source:
        if isinstance(source, Exception):
            raise source
        return source

    return main(["epfl", *flags(folder), *more], {}, open_source)


def record_of(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "data/records/epfl").iterdir()
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def roots(folder: Path) -> list[Path]:
    return sorted((folder / "store").glob("*/*/*.ome.zarr/zarr.json"))


def volume() -> SyntheticSource:
    return SyntheticSource(one_level((65, 70, 200)))


def test_a_run_leaves_a_data_set_a_complete_record_and_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = volume()
    assert run(tmp_path, source) == 0
    record = record_of(tmp_path)
    assert record["status"] == "complete"
    assert record["dataset"]["url"] == roots(tmp_path)[0].parent.as_uri()
    assert source.is_closed
    output = capsys.readouterr()
    assert output.err == ""
    lines = [json.loads(line) for line in output.out.splitlines()]
    assert [line["message"] for line in lines] == ["ingesting", "ingested"]
    assert {line["service"] for line in lines} == {"epfl"}
    metrics = (tmp_path / "data/metrics/epfl.prom").read_text()
    assert 'pipeline_duration_seconds_count{service="epfl"} 1.0' in metrics
    assert 'dataset_processing_errors_total{service="epfl"} 0.0' in metrics
    assert 'memory_usage_peak_bytes{service="epfl"}' in metrics


def test_a_second_run_says_so_reads_nothing_and_leaves_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, volume())
    before = record_of(tmp_path)
    capsys.readouterr()
    again = volume()
    assert run(tmp_path, again) == 0
    assert again.reads == []
    assert record_of(tmp_path) == before
    assert "already ingested" in capsys.readouterr().out


def test_a_lost_record_is_made_again_from_the_data_set(tmp_path: Path) -> None:
    run(tmp_path, volume())
    before = record_of(tmp_path)
    (tmp_path / "data/records/epfl/EPFL-Hippocampus.json").unlink()
    again = volume()
    assert run(tmp_path, again) == 0
    assert again.reads == []
    after = record_of(tmp_path)
    assert {**after, "created_at": "", "updated_at": ""} == {**before, "created_at": "", "updated_at": ""}


def giving_up() -> TransientError:
    error = TransientError("ftp://host: 421 busy (5 attempts)")
    error.attempts = 5
    return error


@pytest.mark.parametrize(
    ("error", "line", "retries"),
    [
        (
            SourceError("ftp://host/a: no such file,\n  check the settings"),
            "ftp://host/a: no such file, check the settings",
            0,
        ),
        (giving_up(), "ftp://host: 421 busy (5 attempts)", 4),
        (ftplib.error_perm("550"), "unexpected error_perm: 550; the log has the traceback", 0),
    ],
)
def test_a_failure_is_one_line_and_a_failed_record_and_no_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, line: str, retries: int
) -> None:
    source = volume()

    def fail(count: int) -> None:
        if count == 3:
            raise error

    source.before_read = fail
    assert run(tmp_path, source) == 1
    assert capsys.readouterr().err == f"epfl: {line}\n"
    record = record_of(tmp_path)
    assert record["status"] == "failed"
    assert record["error"]["retry_count"] == retries
    assert "Traceback" in record["error"]["traceback"]
    assert roots(tmp_path) == []
    assert source.is_closed
    assert 'dataset_processing_errors_total{service="epfl"} 1.0' in (tmp_path / "data/metrics/epfl.prom").read_text()


def test_a_source_that_cannot_be_opened_leaves_a_failed_record(tmp_path: Path) -> None:
    assert run(tmp_path, SourceError("https://api: 404")) == 1
    record = record_of(tmp_path)
    assert (record["status"], record["error"]["message"]) == ("failed", "https://api: 404")


def test_a_failed_run_continues_and_its_record_forgets_the_error(tmp_path: Path) -> None:
    source = volume()

    def fail(count: int) -> None:
        if count == 3:
            raise SourceError("gone")

    source.before_read = fail
    run(tmp_path, source)
    second = volume()
    assert run(tmp_path, second) == 0
    assert not [read for read in second.reads if read in source.reads[:2]]
    assert record_of(tmp_path)["status"] == "complete"
    assert "error" not in record_of(tmp_path)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["elsewhere"], "command line: argument service: invalid choice"),
        (["epfl", "--max-workers", "x"], "--max-workers: 'x' cannot be used, give a whole number of at least 1"),
        (["epfl", "--sink-url", "ftp://x"], "epfl: EM_SINK_URL: 'ftp://x' has the scheme ftp"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], line: str
) -> None:
    assert main([*argv, "--data-dir", str(tmp_path)] if argv[0] == "epfl" else argv, {}) == 1
    error = capsys.readouterr().err
    assert error.startswith(line)
    assert error.count("\n") == 1


def test_consolidate_follows_the_loaders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, volume())
    assert main(["consolidate", *flags(tmp_path), "--expected-sources", "epfl"], {}) == 0
    assert main(["consolidate", *flags(tmp_path)], {}) == 1
    error = capsys.readouterr().err
    assert error.startswith("consolidate: 0 of 1 records are wrong and 4 sources are missing, first: ebi: no record")


def start(folder: Path, shape: str, blocked_at: int, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.program", shape, str(blocked_at), *flags(folder), *more],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "3"])
def test_sigterm_in_a_blocked_read_cancels_and_a_restart_continues(tmp_path: Path, workers: str) -> None:
    with start(tmp_path, "65,70,200", 3, "--max-workers", workers) as process:
        assert process.stdout is not None
        while "blocked" not in (line := process.stdout.readline()):
            assert line, "the program ended before it was blocked"
        process.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert time.monotonic() - began_s < 10
    assert errors == ""
    assert record_of(tmp_path)["status"] == "cancelled"
    assert roots(tmp_path) == []
    with start(tmp_path, "65,70,200", 0) as process:
        assert process.wait(60) == 0
    assert record_of(tmp_path)["status"] == "complete"
    assert len(roots(tmp_path)) == 1


@pytest.mark.slow
def test_importing_the_program_starts_no_thread_and_reads_no_setting() -> None:
    code = (
        "import os\n"
        "seen = []\n"
        "real = os._Environ.__getitem__\n"
        "os._Environ.__getitem__ = lambda self, key: (seen.append(key), real(self, key))[1]\n"
        "import pipeline.cli, pipeline.loader, pipeline.records.consolidate, pipeline.sink.s3, pipeline.volume\n"
        "from pipeline.settings import names\n"
        "print(len(os.listdir('/proc/self/task')), sorted(set(seen) & (set(names()) | {'AWS_REGION'})))\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        # A library may copy the environment; what is not in it is only seen when it is asked for.
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert output == "1 []\n"


@pytest.mark.slow
def test_the_program_runs_in_forked_children_of_a_process_that_imported_everything(tmp_path: Path) -> None:
    output = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.zygote", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    said = [line for line in output.splitlines() if not line.startswith("{")]
    assert said == ["threads 1", "exit 0", "exit 0", "exit 0"]
    stored = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("zarr.json")}
        for name in ("0", "1", "2")
    ]
    assert stored[0] == stored[1] == stored[2] != {}
