"""YAML as the real API server writes it: the texts are those of kube-apiserver 1.34 for the same values."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster.api.yamlout import dump

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Z", "S"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab01.-", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1", '"1"'),
        ("yes", '"yes"'),
        ("y", '"y"'),
        ("~", '"~"'),
        ("", '""'),
        ("1e3", '"1e3"'),
        ("1e400", "1e400"),
        ("0x1f", '"0x1f"'),
        ("1_000", '"1_000"'),
        ("12:30:45", '"12:30:45"'),
        ("2026-01-01T00:00:00Z", '"2026-01-01T00:00:00Z"'),
        ("1.2.3", "1.2.3"),
        ("<<", "<<"),
        ("=", "="),
        ("- a", "'- a'"),
        ("x: y", "'x: y'"),
        (" lead", "' lead'"),
        ("tab\tx", '"tab\\tx"'),
        ("x\ny", "|-\n  x\n  y"),
        ("x\ny\n", "|\n  x\n  y"),
        ("\nlead", "|2-\n\n  lead"),
        ("trail \nx ", '"trail \\nx "'),
        ("ä€", "ä€"),
        (5, "5"),
        (1.5, "1.5"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
        (["a", "b"], "\n- a\n- b"),
    ],
)
def test_given_a_value_then_its_form_is_that_of_go_yaml(value: object, text: str) -> None:
    assert dump({"k": value}) == f"k:{'' if text[0] == chr(10) else ' '}{text}\n".encode()


def test_given_keys_then_numbers_count_and_other_characters_come_before_letters() -> None:
    keys = ["a.10", "a.2", "ab", "a-b", "B", "A", "10", "2", ".", "f:a"]
    written = [line.rpartition(":")[0].strip('"') for line in dump(dict.fromkeys(keys, 1)).decode().splitlines()]
    assert written == [".", "2", "10", "A", "B", "a-b", "a.2", "a.10", "ab", "f:a"]


@given(JSON)
def test_given_any_value_then_a_reader_gets_it_back(value: object) -> None:
    text = dump({"k": value}).decode()
    assert yaml.safe_load(text) == {"k": value}
