"""Installs faults: waits for their trigger on the kernel's thread, strikes once, and tells the timeline."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.clock import Kernel, Knock, Record, Timeline, seconds
from harness.faults.triggers import After, OnKnock, OnRecord, Trigger
from harness.faults.verbs import Fault
from harness.targets.base import FaultSurface, UnsupportedFault


@dataclass
class Handle:
    """An installed fault."""

    fault: Fault
    trigger: Trigger
    struck: list[str] = field(default_factory=list)
    _seen: int = 0
    _removed: bool = False

    def remove(self) -> None:
        """Let it never strike (again)."""
        self._removed = True


class Injector:
    """All faults of one world."""

    def __init__(self, kernel: Kernel, timeline: Timeline, surface: FaultSurface) -> None:
        self._kernel = kernel
        self._timeline = timeline
        self._surface = surface
        self.handles: list[Handle] = []
        kernel.parties.observe(lambda knock: self._happened(OnKnock, knock))
        timeline.observe(lambda record: self._happened(OnRecord, record))

    def install(self, fault: Fault, trigger: Trigger | None = None) -> Handle:
        """Let `fault` strike when `trigger` says, at once without one. Belongs to the kernel's thread. Raises UnsupportedFault."""
        verb = type(fault).__name__
        if verb in self._surface.unsupported:
            raise UnsupportedFault(f"{verb}: {self._surface.unsupported[verb]}")
        handle = Handle(fault, trigger or After())
        self.handles.append(handle)
        if isinstance(handle.trigger, After):
            self._kernel.after(seconds(handle.trigger.seconds), lambda: self._strike(handle))
        return handle

    def idle(self) -> list[Handle]:
        """The faults that never struck: their scenario did not test what it says."""
        return [handle for handle in self.handles if not handle.struck and not handle._removed]

    def _happened(self, kind: type[OnKnock] | type[OnRecord], what: Knock | Record) -> None:
        for handle in self.handles:
            trigger = handle.trigger
            if handle.struck or handle._removed or not isinstance(trigger, kind):
                continue
            if not trigger.matches(what):  # type: ignore[arg-type]  # the kind of trigger fixes what it is asked about
                continue
            handle._seen += 1
            if handle._seen == trigger.count:
                self._kernel.after(0, lambda handle=handle: self._strike(handle))  # type: ignore[misc]

    def _strike(self, handle: Handle) -> None:
        if handle._removed:
            return
        self._timeline.record("FaultInjected", f"Fault/{type(handle.fault).__name__}", fault=repr(handle.fault))
        handle.struck.append(handle.fault.strike(self._surface))
