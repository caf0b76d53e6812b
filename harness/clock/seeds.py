"""Seeded generators, one a purpose, so that a new draw in one place never shifts the draws of another."""

from __future__ import annotations

import hashlib
import random


class Seeds:
    """Hands out one generator a purpose; the same seed and purpose always give the same series."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, random.Random] = {}

    def stream(self, purpose: str) -> random.Random:
        """The generator of `purpose`; its state goes on from call to call."""
        if purpose not in self._streams:
            digest = hashlib.sha256(f"{self.seed}/{purpose}".encode()).digest()
            self._streams[purpose] = random.Random(int.from_bytes(digest, "big"))
        return self._streams[purpose]

    def uid(self, purpose: str) -> str:
        """The next random (version 4) uuid of `purpose`."""
        digits = f"{self.stream(purpose).getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def suffix(self, purpose: str, length: int = 5) -> str:
        """The next name suffix, in the alphabet that Kubernetes uses for generateName (apimachinery util/rand)."""
        alphabet = "bcdfghjklmnpqrstvwxz2456789"
        draw = self.stream(purpose)
        return "".join(draw.choice(alphabet) for _ in range(length))
