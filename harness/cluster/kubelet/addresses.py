"""Addresses of nodes and pods, handed out in a fixed order so that equal runs have equal addresses."""

from __future__ import annotations


class Addresses:
    """One /22 of 10.128.0.0/9 a node: the node is .1, its pods take the lowest free one from .2 on."""

    def __init__(self) -> None:
        self._blocks: dict[str, int] = {}
        self._taken: dict[str, set[int]] = {}

    def node(self, name: str) -> str:
        """The address of a node."""
        return self._text(name, 1)

    def take(self, node: str) -> str:
        """The next free pod address on a node."""
        taken = self._taken.setdefault(node, set())
        number = next(number for number in range(2, 1 << 10) if number % 256 not in {0, 255} and number not in taken)
        taken.add(number)
        return self._text(node, number)

    def release(self, node: str, address: str) -> None:
        """Give a pod's address back."""
        first, second, third, fourth = (int(part) for part in address.split("."))
        number = ((first << 24) + (second << 16) + (third << 8) + fourth) - self._base(node)
        self._taken.get(node, set()).discard(number)

    def _text(self, node: str, number: int) -> str:
        value = self._base(node) + number
        return ".".join(str((value >> shift) & 255) for shift in (24, 16, 8, 0))

    def _base(self, node: str) -> int:
        block = self._blocks.setdefault(node, len(self._blocks))
        return (10 << 24) + (128 << 16) + (block << 10)
