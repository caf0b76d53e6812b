"""Quantities in the one form in which Kubernetes stores them (`0.5` becomes `500m`, `1024Mi` becomes `1Gi`)."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

from harness.kube.quantity import parse

_BINARY = ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki")
_DECIMAL = (("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("", 0), ("m", -3), ("u", -6), ("n", -9))


def canonical(quantity: Any) -> Any:
    """The canonical text of a quantity; what is none is left for validation to refuse."""
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        return quantity
    return _canonical(str(quantity))


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    try:
        value = parse(text)
    except ValueError:
        return text
    if value == 0:
        return "0"
    if text.endswith("i") and abs(value) >= 1024 and value == value.to_integral_value():
        for power, suffix in zip(range(6, 0, -1), _BINARY, strict=True):
            if value % (1024**power) == 0:
                return f"{int(value) // 1024**power}{suffix}"
        return str(int(value))
    if text.endswith("i"):
        return format(value.normalize(), "f")
    for suffix, exponent in _DECIMAL:
        scaled = value.scaleb(-exponent)
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}e{exponent}" if _is_exponent(text) and exponent else f"{int(scaled)}{suffix}"
    return f"{int(value.scaleb(9).to_integral_value(rounding='ROUND_CEILING'))}n"


def _is_exponent(text: str) -> bool:
    return any(mark in text[:-1] for mark in "eE") and Decimal(text).is_finite()
