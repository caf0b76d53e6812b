"""The commands of a shell script as words, as far as a plan's CI steps need it: lines, pipes, redirections, assignments, no expansion.

An expression of the CI system (`${{ ... }}`) becomes `ANYTHING`, a character that no script holds, so that a word keeps its literal parts.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

ANYTHING = "\ue000"
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
_SEPARATORS = frozenset({";", "&", "&&", "||", ";;", "(", ")"})
_RESERVED = frozenset(
    {"if", "then", "else", "elif", "do", "while", "until", "!", "sudo", "time", "exec", "export", "{"}
)
_VARIABLE = re.compile(r"\$(?:([A-Z][A-Z0-9_]*)\b|\{([A-Z][A-Z0-9_]*)\})")
_SET_BY_SCRIPT = re.compile(r"(?:^|[\s;&|(])(?:export\s+|local\s+|readonly\s+)?([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)
_LOOP_OR_READ = re.compile(r"\b(?:for|read(?:\s+-\w+)*)\s+([A-Za-z_][A-Za-z0-9_]*)")
_TO_LATER_STEPS = re.compile(r"""([A-Za-z_][A-Za-z0-9_]*)=.*>>\s*["']?\$\{?GITHUB_ENV""")


@dataclass(frozen=True)
class Command:
    """`words` without leading assignments; `reads` are the files of `<`."""

    words: tuple[str, ...]
    reads: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        return self.words[0] if self.words else ""

    def option(self, *names: str) -> str | None:
        """The value of `--name value` or `--name=value`."""
        for index, word in enumerate(self.words):
            for name in names:
                if word == name and index + 1 < len(self.words):
                    return self.words[index + 1]
                if word.startswith(f"{name}="):
                    return word.removeprefix(f"{name}=")
        return None


Pipeline = tuple[Command, ...]


def without_expressions(text: str) -> str:
    return _EXPRESSION.sub(ANYTHING, text)


def pipelines(script: str) -> tuple[Pipeline, ...]:
    """The commands of a script, those of one pipe together."""
    lines = without_expressions(script).replace("\\\n", " ").splitlines()
    return tuple(pipeline for line in lines for pipeline in _line(line))


def commands(script: str) -> tuple[Command, ...]:
    return tuple(command for pipeline in pipelines(script) for command in pipeline)


def variables_used(text: str) -> tuple[str, ...]:
    """Upper-case names that `$X` and `${X}` stand for, in order; one with a default (`${X:-...}`) needs no value."""
    found = (m[1] or m[2] for m in _VARIABLE.finditer(without_expressions(text)))
    return tuple(dict.fromkeys(found))


def variables_set(script: str) -> frozenset[str]:
    return frozenset(_SET_BY_SCRIPT.findall(script)) | frozenset(_LOOP_OR_READ.findall(script))


def variables_for_later_steps(script: str) -> frozenset[str]:
    """What a step writes to `$GITHUB_ENV`."""
    return frozenset(_TO_LATER_STEPS.findall(script))


def _line(line: str) -> Iterator[Pipeline]:
    words: list[str] = []
    pipeline: list[Command] = []
    for token in (*_tokens(line), ";"):
        if token == "|" or token in _SEPARATORS:
            command = _command(words)
            if command is not None:
                pipeline.append(command)
            words = []
            if token != "|" and pipeline:
                yield tuple(pipeline)
                pipeline = []
        else:
            words.append(token)


def _tokens(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quotation that goes on in the next line: its words are still worth reading
        return line.split()


def _command(words: list[str]) -> Command | None:
    kept: list[str] = []
    reads: list[str] = []
    redirection = ""
    for word in words:
        if redirection:
            if redirection == "<":
                reads.append(word)
            redirection = ""
        elif word and set(word) <= {"<", ">", "&"}:
            redirection = word
        elif kept or not (word in _RESERVED or _ASSIGNMENT.match(word)):
            kept.append(word)
    return Command(tuple(kept), tuple(reads)) if kept or reads else None
