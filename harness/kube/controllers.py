"""The loop that runs controllers: level-triggered reconciles on the kernel's thread, woken by changes and by their own time to come back.

Follows controller-runtime's contract: a key is queued once however many changes there are, reconcile reads state and never the event, a Conflict,
AlreadyExists or Transient is retried with client-go's back-off (5 ms doubled up to 1,000 s). Any other error is a bug and stops the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.clock import MILLISECOND, SECOND, Kernel, Timer
from harness.kube.client import Change, Reader
from harness.kube.errors import AlreadyExists, Conflict, Transient
from harness.kube.objects import Object, key_of
from harness.kube.resources import Resource

_RETRY_FIRST_US = 5 * MILLISECOND
_RETRY_LAST_US = 1000 * SECOND


def own_key(obj: Object) -> Iterable[str]:
    """The watched object itself is what is reconciled."""
    return (key_of(obj),)


@dataclass(frozen=True)
class Watch:
    """Changes of `resource` wake the keys that `keys` gives for the new state, and those that it gave when the state before was new."""

    resource: Resource
    keys: Callable[[Object], Iterable[str]] = own_key


class Controller(Protocol):
    """A control loop."""

    name: str

    def watches(self) -> Sequence[Watch]:
        """What wakes it."""

    def reconcile(self, key: str) -> int | None:
        """Bring the world one step nearer to what `key` asks for; microseconds until it wants to look again, or None."""


@runtime_checkable
class Extending(Protocol):
    """A controller whose watches grow while it runs: new resource types come with CustomResourceDefinitions."""

    def extend(self, watch: Callable[[Watch], None]) -> None:
        """Called once, after the first watches; `watch` adds another at any time."""


class Manager:
    """Runs controllers over one kernel and one reader."""

    def __init__(self, kernel: Kernel, reader: Reader) -> None:
        self._kernel = kernel
        self._reader = reader
        self._queued: dict[tuple[str, str], Timer] = {}
        self._failures: dict[tuple[str, str], int] = {}
        self._active: dict[str, Controller] = {}  # by name; what was stopped, or replaced, is not woken any more

    def add(self, controller: Controller) -> Callable[[str], None]:
        """Start a controller; what exists already is queued. The answer wakes a key by hand (a cloud event, a process exit)."""
        self._active[controller.name] = controller
        for watch in controller.watches():
            self._reader.observe(watch.resource, self._observer(controller, watch))
        if isinstance(controller, Extending):
            controller.extend(lambda watch: self._reader.observe(watch.resource, self._observer(controller, watch)))
        return lambda key: self._queue(controller, key, 0)

    def stop(self, name: str) -> None:
        """Stop a controller for good (its Deployment is gone): nothing wakes it any more."""
        self._active.pop(name, None)
        for identity in [identity for identity in self._queued if identity[0] == name]:
            self._queued.pop(identity).cancel()

    def _observer(self, controller: Controller, watch: Watch) -> Callable[[Change, Object, Object | None], None]:
        known: dict[str, tuple[str, ...]] = {}  # by uid: what the state before gave
        keys_of = watch.keys

        def changed(change: Change, obj: Object, _old: Object | None) -> None:
            found = keys_of(obj)
            if not found and not known:  # as nearly always
                return
            uid, keys = obj["metadata"]["uid"], tuple(found)
            before = known.get(uid, ())
            if keys and change != "DELETED":
                known[uid] = keys
            elif before:
                del known[uid]
            for key in keys:
                self._queue(controller, key, 0)
            if before != keys:
                for key in before:
                    self._queue(controller, key, 0)

        return changed

    def _queue(self, controller: Controller, key: str, delay_us: int) -> None:
        if self._active.get(controller.name) is not controller:
            return
        identity = (controller.name, key)
        queued = self._queued.get(identity)
        when_us = self._kernel.now + delay_us
        if queued is not None:
            if queued.when_us <= when_us:
                return
            queued.cancel()
        self._queued[identity] = self._kernel.at(when_us, lambda: self._run(controller, key))

    def _run(self, controller: Controller, key: str) -> None:
        identity = (controller.name, key)
        del self._queued[identity]
        try:
            again_us = controller.reconcile(key)
        except (Conflict, AlreadyExists, Transient):
            failures = self._failures.get(identity, 0)
            self._failures[identity] = failures + 1
            self._queue(controller, key, min(_RETRY_FIRST_US << failures, _RETRY_LAST_US))
            return
        self._failures.pop(identity, None)
        if again_us is not None:
            self._queue(controller, key, again_us)
