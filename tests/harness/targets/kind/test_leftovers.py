"""What killed sessions left is cleared by name, what goes on or cannot be judged is let alone. The engine is a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.targets.base import TargetUnavailable
from harness.targets.kind.engine import Engine
from harness.targets.kind.leftovers import clear_leftovers
from harness.targets.kind.names import is_owned, owners_space, session_name, sessions_root
from tests.harness.targets.kind.engines import scripted_engine


def dead_session() -> str:
    """The name of a session whose process has ended."""
    command = [
        sys.executable,
        "-c",
        "from harness.targets.kind.names import session_name; print(session_name())",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def removals(asked: Path) -> list[str]:
    """The engine's commands that remove something."""
    return [line for line in asked.read_text().splitlines() if line.startswith("rm ") or " rm " in line]


@pytest.mark.slow
def test_given_a_killed_session_then_all_that_has_its_name_goes(tmp_path: Path) -> None:
    name = dead_session()
    directory = sessions_root(tmp_path) / name
    directory.mkdir(parents=True)
    engine, asked = scripted_engine(
        tmp_path / "bin",
        f'ps*) printf "{name}-control-plane\\n{name}-node-1\\nother-{name}-x\\n";;\n'
        f'"volume ls"*) echo "{name} {owners_space()}";;',
    )
    assert clear_leftovers(tmp_path, engine) == 1
    assert removals(asked) == [
        f"rm --force --volumes {name}-control-plane {name}-node-1",
        f"network rm {name}",
        f"volume rm {name}-files",
        f"volume rm {name}",
    ]
    assert not directory.exists()


def test_given_a_session_that_goes_on_then_it_is_let_alone(tmp_path: Path) -> None:
    (sessions_root(tmp_path) / session_name()).mkdir(parents=True)
    engine, asked = scripted_engine(tmp_path / "bin", f'"volume ls"*) echo "{session_name()} {owners_space()}";;')
    assert is_owned(session_name())
    assert clear_leftovers(tmp_path, engine) == 0
    assert removals(asked) == []


def test_given_a_session_from_where_process_ids_mean_something_else_then_it_is_let_alone(tmp_path: Path) -> None:
    engine, asked = scripted_engine(tmp_path / "bin", '"volume ls"*) echo "em-harness-999999-1 pid:[1]";;')
    assert clear_leftovers(tmp_path, engine) == 0
    assert removals(asked) == []


def test_what_is_no_sessions_is_nobodys_to_remove(tmp_path: Path) -> None:
    (sessions_root(tmp_path) / "notes").mkdir(parents=True)
    engine, asked = scripted_engine(tmp_path / "bin", f'"volume ls"*) echo "precious {owners_space()}";;')
    assert clear_leftovers(tmp_path, engine) == 0
    assert removals(asked) == []
    assert (sessions_root(tmp_path) / "notes").is_dir()


def test_given_no_engine_then_there_is_nothing_to_clear_unless_a_session_was_here(tmp_path: Path) -> None:
    absent = Engine(str(tmp_path / "docker"))
    assert clear_leftovers(tmp_path, absent) == 0
    (sessions_root(tmp_path) / "em-harness-999999-1").mkdir(parents=True)
    with pytest.raises(TargetUnavailable, match="Docker Engine"):
        clear_leftovers(tmp_path, absent)
