"""`{{tags}}`: replaced in strings, wherever they stand in a document.

Follows Argo Workflows 4.1 `util/template`: a tag is looked up whole, `{{=...}}` is an expression over the same names. A tag that is not defined
stays as it is (a later pass may know it), unless the caller asks for an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.workflows.errors import ExpressionError, Unresolved
from harness.workflows.expression import evaluate
from harness.workflows.functions import text_of

Scope = Mapping[str, str]
_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def substitute(value: Any, scope: Scope, *, strict: bool = False) -> Any:
    """`value` with its tags replaced. Raises Unresolved for an undefined tag when `strict`, ExpressionError for a wrong expression."""
    if isinstance(value, str):
        return _in_text(value, scope, strict) if "{{" in value else value
    if isinstance(value, Mapping):
        return {key: substitute(item, scope, strict=strict) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [substitute(item, scope, strict=strict) for item in value]
    return value


def tags_of(value: Any) -> Iterator[str]:
    """The tags in a document, trimmed, in order."""
    if isinstance(value, str):
        for found in _TAG.finditer(value):
            yield found.group(1).strip()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tags_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tags_of(item)


def parameters_json(values: Mapping[str, str]) -> str:
    """What `{{inputs.parameters}}` or `{{workflow.parameters}}` gives: a JSON list of names and values."""
    return json.dumps([{"name": name, "value": value} for name, value in values.items()], separators=(",", ":"))


def _in_text(text: str, scope: Scope, strict: bool) -> str:
    def replaced(found: re.Match[str]) -> str:
        tag = found.group(1).strip()
        if tag.startswith("="):
            return _expression(tag[1:], scope, found.group(0), strict)
        if tag in scope:
            return scope[tag]
        if strict:
            raise Unresolved(tag)
        return found.group(0)

    return _TAG.sub(replaced, text)


def _expression(text: str, scope: Scope, whole: str, strict: bool) -> str:
    try:
        return text_of(evaluate(text, scope))
    except ExpressionError as error:
        if not strict and str(error).startswith("unknown name"):
            return whole
        raise
