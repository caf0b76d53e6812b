"""The Kubernetes version that a cluster says it is; what differs between versions is keyed to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, order=True)
class KubernetesVersion:
    """`v1.36.0` as numbers, ordered."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> KubernetesVersion:
        """From `v1.36.0`, `1.36` or what EKS appends to it. Raises ValueError."""
        match = _VERSION.match(text)
        if match is None:
            raise ValueError(f"{text!r} is no Kubernetes version: write it like v1.36.0")
        return cls(int(match[1]), int(match[2]), int(match[3] or 0))

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"
