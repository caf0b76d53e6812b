"""A thread that does one thing after another, so that whoever asks need not wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class Worker:
    """Runs what is posted, in order. A task that raises is remembered for `settle`; the next one runs all the same."""

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._failures: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, task: Callable[[], None]) -> None:
        """Run `task` when those before it are done."""
        self._tasks.put(task)

    def settle(self, limit_s: float) -> None:
        """Wait until all that was posted is done. Raises what the first of them raised, or TimeoutError."""
        reached = threading.Event()
        self.post(reached.set)
        if not reached.wait(limit_s):
            raise TimeoutError(f"{self._thread.name} is not done after {limit_s:.0f} s")
        if self._failures:
            failure = self._failures[0]
            self._failures.clear()
            raise failure

    def stop(self) -> None:
        """Let it end after what was posted; wait for that. Harmless twice."""
        self._tasks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception as error:  # noqa: BLE001  told to who settles
                self._failures.append(error)
