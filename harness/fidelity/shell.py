"""The few words of a shell that traces speak, in virtual time.

What a container of a trace runs is data like the rest of it: `sleep 5`, or `sh -c "touch /tmp/ready; sleep 12; rm /tmp/ready"`. A real node's busybox
understands that; here it is read (`parse`) and run (`Process`) as busybox does, with files that are files of a private directory and sleeps that are
virtual time. Understood are `;`, `&&`, `||`, `{ }`, a `sleep` in the background, and the commands below; anything else is refused by name.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.clock import seconds
from harness.fidelity.values import TraceError

_JOINTS = {";", "&&", "||", "&"}
_KNOWN = {"sleep", "touch", "rm", "test", "true", "false", "exit", "trap", "wait", "tail", "echo"}
TERMINATION_LOG = "/dev/termination-log"
Steps = Generator[int, None, int]


@dataclass(frozen=True)
class Words:
    """One command."""

    words: tuple[str, ...]
    target: str = ""  # > target


@dataclass(frozen=True)
class Joined:
    """Commands with what stands after each: `;`, `&&`, `||`, `&` or, at the end, nothing."""

    parts: tuple[tuple[Words | Joined, str], ...]


class OutOfMemory(Exception):
    """A process takes all the memory that there is."""


class _Exit(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def parse(argv: Sequence[str]) -> Words | Joined:
    """What an argument list says. Raises TraceError for what is not understood."""
    if list(argv[:2]) == ["sh", "-c"] and len(argv) == 3:
        lexer = shlex.shlex(argv[2], posix=True, punctuation_chars=";&|>")
        lexer.commenters = ""
        tokens = list(lexer)
        joined = _joined(tokens, argv[2])
        if tokens:
            raise TraceError(f"{argv[2]!r}: a }} without a {{")
        return joined
    return _words(list(argv), " ".join(argv))


def _joined(tokens: list[str], text: str) -> Joined:
    parts: list[tuple[Words | Joined, str]] = []
    while tokens and tokens[0] != "}":
        entry: Words | Joined
        if tokens[0] == "{":
            tokens.pop(0)
            entry = _joined(tokens, text)
            if not tokens:
                raise TraceError(f"{text!r}: a {{ without a }}")
            tokens.pop(0)
        else:
            words = []
            while tokens and tokens[0] not in _JOINTS and tokens[0] != "}":
                words.append(tokens.pop(0))
            entry = _words(words, text)
        joint = tokens.pop(0) if tokens and tokens[0] in _JOINTS else ""
        if joint == "&" and not (isinstance(entry, Words) and entry.words[0] == "sleep"):
            raise TraceError(f"{text!r}: only a sleep may run in the background")
        parts.append((entry, joint))
    return Joined(tuple(parts))


def _words(words: list[str], text: str) -> Words:
    if not words or words[0] not in _KNOWN or "|" in words:
        raise TraceError(f"{text!r}: a trace's container may run {', '.join(sorted(_KNOWN))}")
    if len(words) > 2 and words[-2] == ">":
        return Words(tuple(words[:-2]), words[-1])
    return Words(tuple(words))


@dataclass
class Files:
    """The files of one container: a private directory, and other directories at its mounts."""

    root: Path
    mounts: Mapping[str, Path] = field(default_factory=dict)

    def place(self, path: str) -> Path:
        """The file of this machine behind a path of the container."""
        wanted = PurePosixPath(path)
        for mount in sorted(self.mounts, key=len, reverse=True):
            if wanted.is_relative_to(mount):
                return self.mounts[mount] / wanted.relative_to(mount)
        return self.root / wanted.relative_to("/")


class Process:
    """One run of a program. `steps` yields how long it sleeps each time, in microseconds, and returns the exit code; OutOfMemory may come out of it."""

    def __init__(self, files: Files, now: Callable[[], int], say: Callable[[str], None]) -> None:
        self.handler: str | None = None  # of SIGTERM; None: not set, "": ignored
        self.waits = False  # for something in the background, which a signal interrupts
        self._files = files
        self._now = now
        self._say = say
        self._background_us = 0

    def steps(self, program: Words | Joined) -> Steps:
        """Run it to its end; StopIteration has the exit code."""
        try:
            return (yield from self._run(program))
        except _Exit as end:
            return end.code

    def _run(self, program: Words | Joined) -> Steps:
        if isinstance(program, Words):
            return (yield from self._command(program))
        code, joint = 0, ";"
        for part, following in program.parts:
            if following == "&":
                assert isinstance(part, Words)
                self._background_us = max(self._background_us, self._now() + seconds(float(part.words[1])))
                code = 0
            elif not (joint == "&&" and code) and not (joint == "||" and not code):
                code = yield from self._run(part)
            joint = following
        return code

    def _command(self, command: Words) -> Steps:
        name, *arguments = command.words
        if name == "sleep":
            yield seconds(float(arguments[0]))
        elif name == "wait":
            self.waits = True
            yield max(0, self._background_us - self._now())
            self.waits = False
        elif name == "tail":
            raise OutOfMemory  # of /dev/zero, the line that never ends
        elif name == "exit":
            raise _Exit(int(arguments[0]) if arguments else 0)
        elif name == "trap":
            self.handler = arguments[0]
        elif name == "echo":
            self._echo(" ".join(arguments) + "\n", command.target)
        elif name == "test":
            return self._test(arguments)
        elif name in {"touch", "rm"}:
            return self._change(name, arguments[-1])
        return 1 if name == "false" else 0

    def _echo(self, text: str, target: str) -> None:
        if target:
            place = self._files.place(target)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        else:
            self._say(text)

    def _test(self, arguments: Sequence[str]) -> int:
        negated = arguments[0] == "!"
        is_there = self._files.place(arguments[-1]).exists()
        return 0 if is_there is not negated else 1

    def _change(self, name: str, path: str) -> int:
        place = self._files.place(path)
        if name == "rm":
            place.unlink(missing_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        return 0


def code_of_handler(handler: str) -> int:
    """The exit code of a SIGTERM handler `exit N`. Raises TraceError for another one."""
    words = handler.split()
    if words[:1] == ["exit"] and len(words) <= 2:
        return int(words[1]) if len(words) > 1 else 0
    raise TraceError(f"trap {handler!r}: a trace's handler is empty or `exit N`")
