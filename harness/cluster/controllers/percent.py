"""Absolute numbers and percentages (`k8s.io/apimachinery/pkg/util/intstr`)."""

from __future__ import annotations


def scaled(value: str | int, total: int, *, up: bool) -> int:
    """An absolute number, or a percentage of `total` rounded up or down."""
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    product = int(text[:-1]) * total
    return -(-product // 100) if up else product // 100
