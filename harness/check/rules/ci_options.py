"""A CI step that gives a script options which it does not have, or a global option after the subcommand, where argparse no longer takes it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.shell import Command
from harness.check.tables import Script

NAME = "unknown-option"
_SHELLS = frozenset({"bash", "sh", "zsh"})


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    known = {script.path: script for script in plan.scripts}
    for step in plan.steps:
        for command in step.commands:
            script = known.get((script_of(command) or "").removeprefix("./"))
            if script is not None:
                for problem in _problems(script, _arguments(command)):
                    yield Finding(step.place, NAME, f"{script.path}: {problem}")


def script_of(command: Command) -> str | None:
    """The script that a command runs: directly, or through an interpreter."""
    program = command.program.rsplit("/", maxsplit=1)[-1]
    if program.startswith("python") or program in _SHELLS:
        word = next((w for w in command.words[1:] if not w.startswith("-")), None)
        interpreted = "-m" not in command.words and "-c" not in command.words
        return word if interpreted and word is not None and word.endswith((".py", ".sh")) else None
    return command.program if command.program.endswith((".py", ".sh")) else None


def _arguments(command: Command) -> Sequence[str]:
    script = script_of(command)
    return command.words[command.words.index(script) + 1 :] if script is not None else ()


def _problems(script: Script, arguments: Sequence[str]) -> Iterator[str]:
    """As argparse reads: global options, one subcommand, then its options alone."""
    options, subcommand = script.options, ""
    values = 0
    for argument in arguments:
        name = argument.partition("=")[0]
        if values > 0:
            values -= 1
        elif argument.startswith("-") and len(argument) > 1:
            if name in options:
                values = 0 if "=" in argument else options[name]
            elif subcommand and name in script.options:
                yield f"the global option {name} stands after {subcommand}, where it is refused: move it before"
            else:
                yield f"there is no option {name}{' of ' + subcommand if subcommand else ''}: correct or remove it"
        elif not subcommand and argument in script.subcommands:
            subcommand, options = argument, script.subcommands[argument]
        elif not subcommand and script.subcommands:
            yield f"there is no subcommand {argument}: use one of {', '.join(script.subcommands)}"
            return
