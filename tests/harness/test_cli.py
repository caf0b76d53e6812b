"""The command line: what is refused before anything starts, exit codes, and what each command is handed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.targets.base import TargetUnavailable
from harness.targets.project import ProjectError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["deploy"], "invalid choice: 'deploy'"),
        (["rehearse", "--scale", "0"], "'0' is not a share of the full size: write 1/1024 or 0.001, at most 1"),
        (["rehearse", "--scale", "2"], "'2' is not a share of the full size"),
        (["rehearse", "--scale", "1/0"], "'1/0' is not a share of the full size"),
        (["rehearse", "--scale", "nan"], "'nan' is not a share of the full size"),
        (["rehearse", "--scale", "small"], "'small' is not a share of the full size"),
        (["rehearse", "--seed", "seven"], "argument --seed: invalid int value: 'seven'"),
        (["rehearse", "--workload", "fake"], "argument --workload: invalid choice: 'fake'"),
        (["rehearse", "extra"], "unrecognized arguments: extra"),
        (["up", "--speed", "2"], "unrecognized arguments: --speed 2"),
        (["down", "now"], "unrecognized arguments: now"),
        (["check"], "the following arguments are required: PATH"),
    ],
)
def test_wrong_arguments_end_with_2_and_say_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["rehearse", "up"])
def test_an_environment_that_is_not_rendered_ends_with_2_and_one_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--env", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("harness: environment 'nowhere' is not rendered: choose one of dev")
    assert said.count("\n") == 1


@pytest.mark.parametrize("below", ["a-file", "a-file/further"])
def test_a_report_that_cannot_be_written_is_refused_before_the_run(
    below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a file where the report's directory is to be
    (tmp_path / "a-file").touch()
    runs: list[Any] = []
    monkeypatch.setattr("harness.rehearsal.run.rehearse", lambda **settings: runs.append(settings))
    # when a rehearsal is asked for, then one line says so and nothing has run
    assert main(["rehearse", "--out", str(tmp_path / below)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"harness: --out {tmp_path / below}: ")
    assert said.endswith(": name a directory that can be made and written\n")
    assert said.count("\n") == 1
    assert runs == []


@pytest.mark.parametrize("error", [ProjectError("stale: run make render"), TargetUnavailable("target kind ...")])
def test_what_cannot_be_run_ends_with_2_and_its_reason(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def refuse(**_settings: Any) -> int:
        raise error

    monkeypatch.setattr("harness.rehearsal.run.rehearse", refuse)
    assert main(["rehearse"]) == 2
    assert capsys.readouterr().err == f"harness: {error}\n"


def test_ctrl_c_ends_with_130_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def interrupted(**_settings: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.rehearsal.run.rehearse", interrupted)
    assert main(["rehearse"]) == 130
    assert capsys.readouterr().err == "harness: interrupted, everything that was started has been stopped\n"


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ([], {"environment": "dev", "scale": 1 / 1024, "seed": 1, "workload": "real", "out": Path("build/rehearsal")}),
        (
            ["--env", "prod", "--scale", "1/4096", "--seed", "7", "--workload", "recorded", "--out", "here"],
            {"environment": "prod", "scale": 1 / 4096, "seed": 7, "workload": "recorded", "out": Path("here")},
        ),
        (["--scale", "0.5"], {"scale": 0.5}),
        (["--scale", "1"], {"scale": 1.0}),
    ],
)
@pytest.mark.parametrize("exit_code", [0, 1])
def test_rehearse_hands_on_its_settings_and_its_exit_code(
    arguments: list[str], settings: dict[str, Any], exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    handed: dict[str, Any] = {}

    def remember(**given: Any) -> int:
        handed.update(given)
        return exit_code

    monkeypatch.setattr("harness.rehearsal.run.rehearse", remember)
    assert main(["rehearse", *arguments]) == exit_code
    assert settings.items() <= handed.items()


def test_up_and_down_hand_on_what_they_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def up(environment: str, *, kubeconfig: Path, detach: bool) -> int:
        calls.append((environment, kubeconfig, detach))
        return 0

    def down(*, everything: bool) -> int:
        calls.append((everything,))
        return 0

    monkeypatch.setattr("harness.rehearsal.session.up", up)
    monkeypatch.setattr("harness.rehearsal.session.down", down)
    for line in ("up", "up --detach --env prod --kubeconfig k", "down", "down --all"):
        assert main(line.split()) == 0
    assert calls == [
        ("dev", Path("build/kubeconfig"), False),
        ("prod", Path("k"), True),
        (False,),
        (True,),
    ]


def test_the_command_line_starts_without_what_a_world_is_made_of_and_names_every_command() -> None:
    probe = (
        "import sys, harness.cli; "
        "print([name for name in ('moto', 'boto3', 'tensorstore', 'aiohttp', 'harness.cluster') if name in sys.modules]); "
        "harness.cli.main(['--help'])"
    )
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    imported, _, help_text = run.stdout.partition("\n")
    assert imported == "[]"
    assert all(f"  {command} " in help_text for command in ("rehearse", "up", "down", "check"))
