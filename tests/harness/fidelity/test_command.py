"""`harness fidelity` on a directory of one's own: exit codes and words. No control plane: the recordings are the embedded cluster's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.fidelity.command import Places, fidelity
from harness.fidelity.embedded import play_embedded
from harness.fidelity.recording import load, save
from harness.fidelity.trace import parse_trace, read_traces

JOB = {
    "kind": "Job",
    "metadata": {"name": "main"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app"}]}}},
}
COMPLETE = {"kind": "Job", "where": {"status.conditions[type=Complete].status": "True"}}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """One trace, with a recording that the embedded cluster made."""
    body = {
        "shows": "A Job.",
        "kubelet": [{"runs_for": "5s"}],
        "steps": [{"create": JOB}],
        "end": {"after": COMPLETE, "plus": "3s"},
    }
    path = tmp_path / "traces/job/one.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(body))
    places = Places(tmp_path)
    (trace,) = read_traces(tmp_path / "traces")
    recording = play_embedded(trace, "v1.34.4")
    save(recording, places.recording(trace))
    return places


def run(places: Places, *names: str, recording: bool = False, kubernetes: Path | None = None) -> int:
    return fidelity(
        names, recording=recording, kubernetes=kubernetes, kubeconfig=None, update=False, at_once=1, places=places
    )


def test_what_is_equal_is_told_and_ends_with_0(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(places) == 0
    out = capsys.readouterr().out
    assert out.startswith("ok    job/one")
    assert out.endswith("1 of 1 traces are equal\n")


def test_a_difference_is_told_and_ends_with_1(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    path = places.root / "recordings/1.34/job/one.json"
    path.write_text(path.read_text().replace("Job completed", "Job done"))
    assert run(places, "job/*") == 1
    out = capsys.readouterr().out
    assert out.startswith("DIFF  job/one")
    assert "Job/main: event Normal Completed job-controller Job done: expected at" in out


def test_a_trace_that_has_changed_since_it_was_recorded_is_no_success(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    path = places.root / "traces/job/one.yaml"
    path.write_text(path.read_text().replace("5s", "6s"))
    assert run(places) == 1
    assert "the trace has changed since it was recorded" in capsys.readouterr().out


def test_a_trace_that_cannot_be_played_to_its_end_says_where_it_waits(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    body = yaml.safe_load((places.root / "traces/job/one.yaml").read_text())
    body["end"]["after"]["where"] = {"status.failed": 7}
    trace = parse_trace("job/one", body)
    with pytest.raises(ValueError, match=r"step 2 waited 120 s in vain for >=1 Job \* status.failed=7"):
        play_embedded(trace, "v1.34.4")


@pytest.mark.parametrize(
    ("names", "recording", "said"),
    [(("job/two",), False, "no trace job/two: there are job/one"), ((), True, "--record needs --kubernetes DIR")],
)
def test_what_cannot_be_run_ends_with_2(
    places: Places, capsys: pytest.CaptureFixture[str], names: tuple[str, ...], recording: bool, said: str
) -> None:
    assert run(places, *names, recording=recording) == 2
    assert said in capsys.readouterr().err


def test_a_directory_without_a_control_plane_is_named(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(places, recording=True, kubernetes=tmp_path) == 2
    assert "control-plane is missing" in capsys.readouterr().err


def test_the_same_trace_played_twice_gives_the_same_recording(places: Places) -> None:
    (trace,) = places.traces()
    assert play_embedded(trace, "v1.34.4").objects == load(places.recording(trace)).objects
    assert play_embedded(trace, "v1.34.4", seed=2).objects == load(places.recording(trace)).objects
