"""Tasks one after another or several at once, their results always in order.

With one worker everything happens in the calling thread, one task at a time: no thread is started. With more, at most that
many tasks are begun and not yet consumed, which is what bounds the memory, and at most that many talk to the outside.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Semaphore
from typing import TypeVar

T = TypeVar("T")


class Lanes:
    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._outside = Semaphore(workers)

    def outside(self) -> AbstractContextManager[object]:
        """Held while a source or the sink is spoken to."""
        return self._outside

    def in_order(self, tasks: Iterable[Callable[[], T]]) -> Iterator[T]:
        if self.workers == 1:
            for task in tasks:
                yield task()
            return
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="lane")
        waiting: deque[Future[T]] = deque()
        try:
            for task in tasks:
                if len(waiting) == self.workers:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(task))
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Not waited for: after SIGTERM a transfer may still hang in its socket, and the process ends anyway.
            pool.shutdown(wait=False, cancel_futures=True)
