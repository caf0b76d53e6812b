"""Whether a command of the documentation can be what it says: a known make target, tox environment, or arguments that parse."""

from __future__ import annotations

import configparser
import contextlib
import importlib.util
import io
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.cli import _parser
from tests.docs.pages import ROOT

KUBECTL_VERBS = {"get", "describe", "create", "apply", "delete", "logs", "wait"}
COMPOSE_VERBS_WITH_SERVICE = {"logs", "run"}
COMPOSE_VERBS = {"build", "up", "ps", "down"} | COMPOSE_VERBS_WITH_SERVICE


class CannotBe(AssertionError):
    """A documented command that does not exist in this form."""


def check(line: str) -> None:
    """Raise CannotBe when a documented line cannot be run as it stands."""
    words = shlex.split(line, comments=True)
    program, arguments = Path(words[0]).name, words[1:]
    if program == "make":
        _make(line, arguments)
    elif program == "tox":
        _tox(line, arguments)
    elif program == "harness":
        _harness(line, arguments)
    elif program == "pytest":
        _existing(line, arguments)
    elif program in {"python", "python3"} and arguments[:1] == ["-m"]:
        _module(line, arguments[1], arguments[2:])
    elif program == "kubectl":
        if not KUBECTL_VERBS & set(arguments):
            raise CannotBe(f"{line}: no verb of {', '.join(sorted(KUBECTL_VERBS))}")
    elif words[:2] == ["docker", "compose"]:
        _compose(line, arguments[1:])
    else:
        raise CannotBe(f"{line}: nothing here knows how to check {program!r}")


def _make(line: str, arguments: list[str]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for argument in arguments:
        variable, is_variable, value = argument.partition("=")
        if not is_variable and argument not in targets:
            raise CannotBe(f"{line}: the Makefile has no target {argument}")
        if is_variable and (variable != "ARGS" or arguments[0] != "rehearse"):
            raise CannotBe(f"{line}: the Makefile does not hand {variable} on")
        if is_variable:
            _harness(line, ["rehearse", *shlex.split(value)])


def _tox(line: str, arguments: list[str]) -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    known = {section.partition(":")[2] for section in tox.sections() if section.startswith("testenv:")}
    own, rest = arguments, []
    if "--" in arguments:
        place = arguments.index("--")
        own, rest = arguments[:place], arguments[place + 1 :]
    wanted = {
        environment for flag, value in itertools.pairwise(own) if flag == "-e" for environment in value.split(",")
    }
    if not wanted or not wanted <= known:
        raise CannotBe(f"{line}: tox has no environment {', '.join(sorted(wanted - known)) or '(none is named)'}")
    _existing(line, rest)


def _existing(line: str, arguments: list[str]) -> None:
    for argument in arguments:
        if "/" in argument and not argument.startswith("-") and not (ROOT / argument.partition("::")[0]).exists():
            raise CannotBe(f"{line}: {argument} does not exist")


def _compose(line: str, arguments: list[str]) -> None:
    if arguments[:1] != ["-f"] or not (ROOT / arguments[1]).is_file():
        raise CannotBe(f"{line}: -f names no file of this repository")
    verb, rest = arguments[2], arguments[3:]
    if verb not in COMPOSE_VERBS:
        raise CannotBe(f"{line}: no verb of {', '.join(sorted(COMPOSE_VERBS))}")
    services = set(yaml.safe_load((ROOT / arguments[1]).read_text())["services"])
    if verb in COMPOSE_VERBS_WITH_SERVICE and not services & set(rest):
        raise CannotBe(f"{line}: {arguments[1]} has no such service")


def _harness(line: str, arguments: list[str]) -> None:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            _parser().parse_args(arguments)
        except SystemExit as ended:
            if ended.code:
                raise CannotBe(f"{line}: {said.getvalue().strip()}") from None


def _module(line: str, module: str, arguments: list[str]) -> None:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise CannotBe(f"{line}: there is no module {module}")
    if module == "pytest":
        _existing(line, arguments)
    elif arguments:
        helped = subprocess.run(
            [sys.executable, "-m", module, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if helped.returncode != pytest.ExitCode.OK:
            raise CannotBe(f"{line}: {helped.stderr.strip()}")
