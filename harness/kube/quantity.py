"""Kubernetes quantities (`500m`, `1Gi`, `1e3`) as exact integers of a thousandth."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import lru_cache

_SUFFIXES = {
    "n": Decimal(10) ** -9,
    "u": Decimal(10) ** -6,
    "m": Decimal(10) ** -3,
    "": Decimal(1),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
    "Pi": Decimal(2) ** 50,
    "Ei": Decimal(2) ** 60,
}
_QUANTITY = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))((?:[eE][+-]?\d+)|[numkMGTPE]|[KMGTPE]i)?$")


@lru_cache(maxsize=4096)
def parse(quantity: str | int | float) -> Decimal:
    """The value of a quantity.

    Raises ValueError with Kubernetes' own text when it is none.
    """
    match = _QUANTITY.match(str(quantity))
    if match is None:
        raise ValueError(
            f"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' (got {str(quantity)!r})"
        )
    number, suffix = match.group(1), match.group(2) or ""
    try:
        if suffix[:1] in {"e", "E"} and len(suffix) > 1:
            return Decimal(number + suffix)
        return Decimal(number) * _SUFFIXES[suffix]
    except (InvalidOperation, KeyError) as error:
        raise ValueError(f"unable to parse quantity's suffix (got {str(quantity)!r})") from error


def milli(quantity: str | int | float) -> int:
    """In thousandths, rounded up: millicores of a cpu quantity."""
    return int((parse(quantity) * 1000).to_integral_value(ROUND_CEILING))


def whole(quantity: str | int | float) -> int:
    """In units, rounded up: bytes of a memory quantity."""
    return int(parse(quantity).to_integral_value(ROUND_CEILING))
