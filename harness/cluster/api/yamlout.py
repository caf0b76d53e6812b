"""Values as YAML, as Kubernetes writes it (sigs.k8s.io/yaml over go-yaml v2): order of keys, quotes, blocks, width of lines."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cmp_to_key
from typing import Any

import orjson
import yaml

_STRING = "tag:yaml.org,2002:str"
_WORDS = frozenset(
    form
    for word in ("y", "yes", "on", "n", "no", "off", "true", "false", "null", ".inf", "+.inf", "-.inf", ".nan")
    for form in (word, word.capitalize(), word.upper(), word.replace("inf", "Inf").replace("nan", "NaN"))
) | {"", "~"}
_NUMBER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})?)?"
)
_BASE: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_BASE):  # type: ignore[misc]  # the C one has no types
    """Leaves the form of each scalar to the functions below."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base's
        """An object that is there twice is written twice."""
        return True

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        """To the emitter each scalar is a text that may stand without quotes."""
        return _STRING if kind is yaml.ScalarNode else super().resolve(kind, value, implicit)


def dump(value: Any) -> bytes:
    """The text of a JSON value."""
    return str(yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False)).encode()


def _text(dumper: Any, text: str) -> yaml.Node:
    style = "|" if "\n" in text else '"' if _is_ambiguous(text) else None
    node: yaml.Node = dumper.represent_scalar(_STRING, text, style)
    return node


def _plain(dumper: Any, value: Any) -> yaml.Node:
    """A number, true, false or null."""
    node: yaml.Node = dumper.represent_scalar(_STRING, orjson.dumps(value).decode())
    return node


def _mapping(dumper: Any, mapping: Mapping[str, Any]) -> yaml.Node:
    ordered = {key: mapping[key] for key in sorted(mapping, key=cmp_to_key(_compare))}
    node: yaml.Node = dumper.represent_mapping("tag:yaml.org,2002:map", ordered.items())
    return node


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _mapping)
for _kind in (int, float, bool, type(None)):
    _Dumper.add_representer(_kind, _plain)


def _is_ambiguous(text: str) -> bool:
    """Whether a reader would take the text for something else than a text."""
    if text in _WORDS:
        return True
    if text[0] not in "+-.0123456789":
        return False
    number = _NUMBER.fullmatch(text.replace("_", ""))
    if number is not None:
        return number[2] is None or math.isfinite(float(number[2] + (number[4] or "")))
    return any((_BASE_60.fullmatch(text), _TIME.fullmatch(text)))


def _compare(left: str, right: str) -> int:
    """go-yaml's order of keys: numbers by their value, other characters before letters."""
    for at, (one, other) in enumerate(zip(left, right, strict=False)):
        if one == other:
            continue
        if one.isalpha() and other.isalpha():
            return ord(one) - ord(other)
        if one.isalpha() or other.isalpha():
            return -1 if other.isalpha() else 1
        return _compare_numbers(left, right, at) or ord(one) - ord(other)
    return len(left) - len(right)


def _compare_numbers(left: str, right: str, at: int) -> int:
    """What is left of two runs of digits that differ at a place; 0 where there are none."""
    begun = re.search(r"[0-9]*$", left[:at])
    is_within = "0" in (left[at], right[at]) and begun is not None and begun.group().strip("0") != ""
    runs = [re.compile("[0-9]*").match(text, at) for text in (left, right)]
    one, other = (match.group() if match is not None else "" for match in runs)
    values = [int(f"{int(is_within)}{run}") for run in (one, other)]
    return values[0] - values[1] or len(one) - len(other)
