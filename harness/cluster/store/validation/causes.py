"""Causes with the texts of apimachinery `util/validation/field/errors.go` (1.34)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from harness.kube.errors import Cause


def required(field: str, detail: str = "") -> Cause:
    """A value has to be given."""
    return Cause(field, "FieldValueRequired", f"Required value: {detail}" if detail else "Required value")


def invalid(field: str, value: Any, detail: str) -> Cause:
    """The value cannot be used."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}")


def unsupported(field: str, value: Any, supported: Iterable[str]) -> Cause:
    """The value is none of those that there are."""
    choices = ", ".join(f'"{choice}"' for choice in supported)
    return Cause(field, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {choices}")


def forbidden(field: str, detail: str) -> Cause:
    """The field may not be set, or not be changed."""
    return Cause(field, "FieldValueForbidden", f"Forbidden: {detail}")


def duplicate(field: str, value: Any) -> Cause:
    """The value stands there twice."""
    return Cause(field, "FieldValueDuplicate", f"Duplicate value: {shown(value)}")


def shown(value: Any) -> str:
    """A value as messages show it."""
    return orjson.dumps(value).decode()


def immutable(field: str, new: Any, old: Any) -> list[Cause]:
    """Nothing, unless the value changed."""
    return [] if new == old else [invalid(field, new, "field is immutable")]


def non_negative(field: str, value: Any) -> list[Cause]:
    """Nothing, unless the value is an integer below 0."""
    if isinstance(value, int) and value < 0:
        return [invalid(field, value, "must be greater than or equal to 0")]
    return []
