"""Scripts of CI steps as commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.check.shell import ANYTHING, Command, commands, pipelines, variables_set, variables_used


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("a b", [("a", "b")]),
        ("a \\\n  b", [("a", "b")]),
        ("a && b || c; d &", [("a",), ("b",), ("c",), ("d",)]),
        ("X=1 Y=2 a b=3", [("a", "b=3")]),
        ("if a; then b; fi", [("a",), ("b",), ("fi",)]),
        ("a 'b  c' # d", [("a", "b  c")]),
        ("a ${{ x.y || 'z' }}-b", [("a", f"{ANYTHING}-b")]),
        ("a > out 2>&1", [("a", "2")]),
        ('echo "two\nlines"', [("echo", '"two'), ('lines"',)]),
        ("", []),
    ],
)
def test_words_of_commands(script: str, words: list[tuple[str, ...]]) -> None:
    assert [command.words for command in commands(script)] == words


def test_a_pipe_stays_together_and_knows_what_it_reads() -> None:
    assert pipelines("envsubst < a.yaml | kubectl apply -f -\nnext") == (
        (Command(("envsubst",), ("a.yaml",)), Command(("kubectl", "apply", "-f", "-"))),
        (Command(("next",)),),
    )


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("$A ${B} $A", ("A", "B")),
        ("${A:-x} $lower $1 $$", ()),
        ("${{ env.A }} $B/c", ("B",)),
    ],
)
def test_variables_that_need_a_value(text: str, used: tuple[str, ...]) -> None:
    assert variables_used(text) == used


def test_variables_that_a_script_sets() -> None:
    assert variables_set("A=1\nexport B=2; for C in x; do :; done\nread -r D") == {"A", "B", "C", "D"}


@given(st.text())
def test_no_script_is_too_strange(script: str) -> None:
    for command in commands(script):
        assert command.words or command.reads
