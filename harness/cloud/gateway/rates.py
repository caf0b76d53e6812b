"""How long a call takes: latency and bandwidth of one connection. Pure.

S3 serves one connection at 85 MB/s and first bytes after tens of milliseconds (fixtures/facts/storage.yaml); API
calls of other services take as long as a small object. A world scaled to S moves S times the bytes of the real one,
so sizes are divided by S and durations stay those of full size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fixtures.facts import document
from harness.clock import MILLISECOND, SECOND

_FIRST_BYTE_US = 30 * MILLISECOND  # storage.yaml: "tens of ms" is the median below 512 KB


@dataclass(frozen=True)
class Rates:
    """Latency and bandwidth of one connection, and the world's scale."""

    latency_us: int
    bytes_per_s: float
    scale: float = 1.0

    def request_us(self, size_bytes: int) -> int:
        """From the knock to the moment when the service has the whole request and answers."""
        return self.latency_us + self.transfer_us(size_bytes)

    def transfer_us(self, size_bytes: int) -> int:
        """The bytes alone."""
        return round(size_bytes / self.scale / self.bytes_per_s * SECOND)


def default_rates(scale: float = 1.0) -> Rates:
    """The lower bound of what S3 gives one connection. Raises ValueError when the scale is not positive."""
    if scale <= 0:
        raise ValueError(f"scale {scale} has to be positive: 1 is full size, 0.001 a thousandth of it")
    text = str(document("storage")["s3"]["latency"]["per_connection_mb_s"])
    match = re.match(r"\d+", text)
    if match is None:
        raise ValueError(f"fixtures/facts/storage.yaml: per_connection_mb_s {text!r} does not begin with a number")
    return Rates(_FIRST_BYTE_US, int(match.group()) * 1e6, scale)
