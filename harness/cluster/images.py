"""What the repository's Dockerfile says of each service: the program that its image runs.

Reads `FROM ... AS name`, `ENTRYPOINT` and `CMD` in exec form, `ENV` and `WORKDIR`; a stage inherits them from the
stage it is built on. Everything else (RUN, COPY, ARG ...) makes the image's file system, which no rehearsed process
sees. A shell form is refused, as the shell would be process 1 and swallow SIGTERM.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

_HEREDOC = re.compile(r"<<-?(['\"]?)(\w+)\1")
_DIRECTIVE = re.compile(r"^#\s*escape\s*=\s*(\S)\s*$", re.IGNORECASE)


class DockerfileError(ValueError):
    """A Dockerfile that cannot be used; names the file, the line and the remedy."""


@dataclass(frozen=True)
class BuildTarget:
    """One named stage of a Dockerfile."""

    name: str
    base: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = "/"

    @property
    def program(self) -> tuple[str, ...]:
        """What a container runs that is given neither command nor arguments."""
        return (*self.entrypoint, *self.command)


def read_dockerfile(path: Path) -> dict[str, BuildTarget]:
    """All named stages by name. Raises DockerfileError."""
    return parse_dockerfile(path.read_text(encoding="utf-8"), path.name)


def services(targets: Mapping[str, BuildTarget]) -> dict[str, BuildTarget]:
    """The stages that are services: those with an entry point."""
    return {name: target for name, target in targets.items() if target.entrypoint}


def parse_dockerfile(text: str, file: str = "Dockerfile") -> dict[str, BuildTarget]:
    """All named stages of a Dockerfile's text. Raises DockerfileError."""
    targets: dict[str, BuildTarget] = {}
    current: BuildTarget | None = None
    for line, instruction, rest in _instructions(text):
        place = f"{file}:{line}"
        if instruction == "FROM":
            current = _begin(rest, targets, place)
        elif current is not None:
            current = _apply(current, instruction, rest, place)
        if current is not None:
            targets[current.name] = current
    return {name: target for name, target in targets.items() if not name.isdigit()}


def _begin(rest: str, targets: Mapping[str, BuildTarget], place: str) -> BuildTarget:
    words = [word for word in rest.split() if not word.startswith("--")]
    if len(words) not in {1, 3} or (len(words) == 3 and words[1].upper() != "AS"):
        raise DockerfileError(f"{place}: cannot read 'FROM {rest}', write FROM <image> [AS <name>]")
    name = words[2].lower() if len(words) == 3 else str(len(targets))
    parent = targets.get(words[0].lower())
    if parent is None:
        return BuildTarget(name, words[0])
    return replace(parent, name=name, base=parent.name)


def _apply(target: BuildTarget, instruction: str, rest: str, place: str) -> BuildTarget:
    if instruction == "ENTRYPOINT":
        # A new entry point makes an inherited CMD void, as docker build does.
        return replace(target, entrypoint=_exec_form(instruction, rest, place), command=())
    if instruction == "CMD":
        return replace(target, command=_exec_form(instruction, rest, place))
    if instruction == "ENV":
        return replace(target, env=tuple({**dict(target.env), **_assignments(rest, place)}.items()))
    if instruction == "WORKDIR":
        return replace(target, working_dir=rest if rest.startswith("/") else f"{target.working_dir.rstrip('/')}/{rest}")
    return target


def _exec_form(instruction: str, rest: str, place: str) -> tuple[str, ...]:
    try:
        words = json.loads(rest)
    except json.JSONDecodeError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise DockerfileError(
            f'{place}: {instruction} {rest} is in shell form, where SIGTERM ends at the shell: write {instruction} ["program", "argument"]'
        )
    return tuple(words)


def _assignments(rest: str, place: str) -> dict[str, str]:
    try:
        words = shlex.split(rest)
    except ValueError as error:
        raise DockerfileError(f"{place}: cannot read 'ENV {rest}' ({error}), write ENV NAME=value") from error
    if words and "=" not in words[0]:
        return {words[0]: " ".join(words[1:])}  # the old form: ENV NAME value
    return dict(word.split("=", 1) for word in words if "=" in word)


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """(line number, instruction, the rest) with continued lines joined; comments and here-documents are left out."""
    escape = "\\"
    pending, begun, until = "", 0, None
    for number, line in enumerate(text.splitlines(), start=1):
        directive = _DIRECTIVE.match(line)
        if directive is not None and not pending:
            escape = directive.group(1)
        if until is not None:
            until = None if line.strip() == until else until
            continue
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        begun = begun if pending else number
        if stripped.endswith(escape):
            pending += stripped[: -len(escape)] + " "
            continue
        instruction, _, rest = (pending + stripped).partition(" ")
        pending = ""
        heredoc = _HEREDOC.search(rest)
        if heredoc is not None and instruction.upper() in {"RUN", "COPY", "ADD"}:
            until = heredoc.group(2)
        yield begun, instruction.upper(), " ".join(rest.split()) if instruction.upper() != "ENV" else rest.strip()
