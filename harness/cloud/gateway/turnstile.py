"""Lets calls through in the order in which they came, where their order matters: same key, or a bucket and a key in it.

moto checks a condition and then puts, in two steps: two conditional writes of one key at once would both succeed.
Here one waits for the other, and since grants come in the kernel's order, so do the calls that follow them: which of
two wins is the same in every run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Scope = tuple[str, ...]


class Turnstile:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._open: list[tuple[Scope, asyncio.Event]] = []

    @asynccontextmanager
    async def turn(self, scope: Scope) -> AsyncIterator[None]:
        """Wait for every earlier call whose scope contains this one or is contained in it."""
        earlier = [done for other, done in self._open if _meet(scope, other)]
        mine = (scope, asyncio.Event())
        self._open.append(mine)
        try:
            for done in earlier:
                await done.wait()
            yield
        finally:
            self._open.remove(mine)
            mine[1].set()


def _meet(one: Scope, other: Scope) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
