"""How busy the machine is while a real control plane is recorded: the longest time that a trivial request or a turn of the kernel took."""

from __future__ import annotations

import threading
import time

from harness.clock import Kernel
from harness.kube.errors import ApiError
from harness.kube.remote import Transport

_PERIOD_S = 0.25
_CALM_S = 0.2


class Pulse:
    """Feels it on a thread of its own, until `close`."""

    def __init__(self, kernel: Kernel, transport: Transport) -> None:
        self._kernel = kernel
        self._transport = transport
        self._delays: list[tuple[int, float]] = []
        self._last = (time.monotonic(), 0.0)
        self._closed = threading.Event()
        threading.Thread(target=self._feel, name="pulse", daemon=True).start()

    def worst_s(self, since_us: int) -> float:
        """The longest delay since a moment, in seconds."""
        return round(max((delay for moment, delay in self._delays if moment >= since_us), default=0.0), 2)

    def is_calm(self) -> bool:
        """Whether nothing takes long just now."""
        began, delay = self._last
        return time.monotonic() - began < _CALM_S + _PERIOD_S and delay < _CALM_S

    def close(self) -> None:
        """Stop."""
        self._closed.set()

    def _feel(self) -> None:
        while not self._closed.wait(_PERIOD_S):
            began = time.monotonic()
            try:
                self._transport.request("GET", "/api/v1/namespaces/default")
            except ApiError:
                continue  # the control plane goes down, or is not up yet
            turned = threading.Event()
            self._kernel.post(turned.set)
            turned.wait(10.0)
            delay = time.monotonic() - began
            self._delays.append((time.time_ns() // 1000, delay))
            self._last = (time.monotonic(), delay)
