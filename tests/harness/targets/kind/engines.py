"""A program in the engine's place, for tests of what is said when something is missing, and of what is asked."""

from __future__ import annotations

from pathlib import Path

from harness.targets.kind.engine import Engine


def scripted_engine(place: Path, answers: str) -> tuple[Engine, Path]:
    """An engine whose commands are answered by the branches of a shell `case` over the arguments, and the file where it notes them."""
    place.mkdir(parents=True, exist_ok=True)
    noted = place / "asked"
    noted.touch()
    program = place / "docker"
    program.write_text(f'#!/bin/sh\necho "$*" >>{noted}\ncase "$*" in\n{answers}\nesac\n')
    program.chmod(0o755)
    return Engine(str(program)), noted
