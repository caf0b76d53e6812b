"""YAML as bodies bring it (`yamlout` writes it); loaded with the first of these, because the parser takes its time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(ValueError):
    """Why a text is no YAML, in the words of Go's parser where they are known."""


def load(body: bytes) -> Any:
    """The value of a text. Raises Unreadable."""
    try:
        return yaml.load(body, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark is not None else 0
        raise Unreadable(f"yaml: {f'line {line}: ' if line else ''}{error.problem}") from error
    except yaml.YAMLError as error:
        raise Unreadable(f"yaml: {error}") from error


def repeated(body: bytes) -> list[str]:
    """Where a key of a text that can be read comes again."""
    return list(_repeated(yaml.compose(body, Loader=_LOADER)))


def _repeated(node: yaml.Node | None) -> Iterator[str]:
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            if key.value in seen:
                yield f'line {key.start_mark.line + 1}: key "{key.value}" already set in map'
            seen.add(str(key.value))
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)
