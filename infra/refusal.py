"""The one error of this package: a value of an environment that AWS, Kubernetes or this pipeline would refuse."""

from __future__ import annotations


class RefusedValue(ValueError):
    """A value with its place, what was found and the limit it breaks.

    Raised while an environment is built or rendered, long before an account could refuse it with a less helpful text.
    """

    def __init__(self, place: str, *, found: object, limit: str) -> None:
        super().__init__(f"{place}: found {found!r}, {limit}")
        self.place = place


def refuse_unless(condition: bool, place: str, *, found: object, limit: str) -> None:
    """Raise RefusedValue unless the condition holds."""
    if not condition:
        raise RefusedValue(place, found=found, limit=limit)
