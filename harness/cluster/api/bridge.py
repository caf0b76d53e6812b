"""From the HTTP thread to the kernel's thread and back.

Whatever is asked until the kernel looks goes over together, and so do the answers: waking a thread costs more than most requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from harness.clock import Kernel

T = TypeVar("T")
_Question = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Bridge:
    """Called on the thread of `loop`, runs functions on the kernel's, in the order in which they were asked."""

    def __init__(self, kernel: Kernel, loop: asyncio.AbstractEventLoop) -> None:
        self._kernel = kernel
        self._loop = loop
        self._asked: deque[_Question] = deque()
        self._asking = False
        self._told: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._telling = False

    async def __call__(self, function: Callable[[], T]) -> T:
        """What `function` gives (or raises) on the kernel's thread. Raises RuntimeError when the kernel is closed."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._asked.append((function, answer))
        if not self._asking:
            self._asking = True
            self._kernel.submit(self._serve).add_done_callback(self._served)
        return await answer

    def _serve(self) -> None:
        """On the kernel's thread."""
        self._asking = False
        while self._asked:
            function, answer = self._asked.popleft()
            if answer.cancelled():
                continue
            try:
                self._tell(answer, function(), None)
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                self._tell(answer, None, error)

    def _served(self, done: Future[None]) -> None:
        """On either thread: a kernel that was closed answers nothing, so all that waits is refused."""
        error = done.exception()
        while error is not None and self._asked:
            self._tell(self._asked.popleft()[1], None, error)

    def _tell(self, answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._told.append((answer, result, error))
        if not self._telling:
            self._telling = True
            self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        """On the loop's thread."""
        self._telling = False
        while self._told:
            answer, result, error = self._told.popleft()
            if answer.done():
                continue
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)
