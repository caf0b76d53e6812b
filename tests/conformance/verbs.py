"""Which forms of kubectl a test shows: `@shows("get -o wide")`. docs/conformance.md lists all of them, and test_table.py keeps the two in step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def shows(*forms: str) -> Callable[[F], F]:
    """Mark a test with the forms that it shows."""

    def mark(function: F) -> F:
        function.__dict__["forms"] = forms
        return function

    return mark
