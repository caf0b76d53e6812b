"""How often an object with very many parts is worked out again, so that a change of each part does not cost a pass over all."""

from __future__ import annotations

from harness.clock import SECOND

MANY = 1000
_PERIOD_US = SECOND


class Pace:
    """At most once a second for what had more than 1,000 parts when it was last worked out; asked before the parts are looked up."""

    def __init__(self) -> None:
        self._last_us: dict[str, int] = {}

    def wait_us(self, key: str, now_us: int) -> int:
        """How long to wait still; 0 to go ahead."""
        return max(self._last_us.get(key, now_us - _PERIOD_US) + _PERIOD_US - now_us, 0)

    def done(self, key: str, parts: int, now_us: int) -> None:
        """It is worked out now, from so many parts."""
        if parts > MANY:
            self._last_us[key] = now_us
        else:
            self._last_us.pop(key, None)

    def forget(self, key: str) -> None:
        """It is gone."""
        self._last_us.pop(key, None)
