"""How much shorter modelled delays are than on AWS: 1 where time is virtual; where it is the wall's, a world may go through them faster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tempo:
    """Modelled delays are divided by `factor`; what real parts take is not."""

    factor: float = 1.0

    def us(self, duration_us: int) -> int:
        """A modelled delay as it is in this world."""
        return round(duration_us / self.factor)
