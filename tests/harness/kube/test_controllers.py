"""The controller loop over a real store and a real kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from harness.clock import DAY, MILLISECOND, SECOND, Kernel, Outcome, Seeds
from harness.cluster.store import Store
from harness.kube.controllers import Manager, Watch
from harness.kube.errors import Conflict, Transient
from harness.kube.objects import new_object
from harness.kube.resources import CONFIG_MAPS

START = 1_800_000_000 * SECOND


class Noting:
    """Notes when it was called with what, and answers as told."""

    name = "noting"

    def __init__(self, kernel: Kernel, answers: Sequence[int | Exception | None] = ()) -> None:
        self._kernel = kernel
        self._answers = list(answers)
        self.seen: list[tuple[int, str]] = []

    def watches(self) -> Sequence[Watch]:
        return (Watch(CONFIG_MAPS),)

    def reconcile(self, key: str) -> int | None:
        self.seen.append((self._kernel.now - START, key))
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel(START)
    kernel.start()
    yield kernel
    kernel.close()


@pytest.fixture
def store(kernel: Kernel) -> Store:
    return kernel.call(lambda: Store(kernel, Seeds(1)))


def settle(kernel: Kernel) -> None:
    assert kernel.wait(lambda: False, DAY) is Outcome.NOTHING_LEFT


def test_a_key_is_queued_once_however_many_changes_there_are(kernel: Kernel, store: Store) -> None:
    controller = Noting(kernel)

    def change() -> None:
        Manager(kernel, store).add(controller)
        store.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "a", "default", data={"x": "1"}))
        store.patch(CONFIG_MAPS, "default", "a", {"data": {"x": "2"}})

    kernel.call(change)
    settle(kernel)
    assert controller.seen == [(0, "default/a")]


def test_it_comes_back_when_it_asked_to_and_after_a_conflict_or_no_answer_with_back_off(
    kernel: Kernel, store: Store
) -> None:
    controller = Noting(kernel, [Conflict("x"), Transient("x"), 7 * SECOND, None])

    def change() -> None:
        store.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "a", "default"))
        Manager(kernel, store).add(controller)

    kernel.call(change)
    settle(kernel)
    moments = [at for at, key in controller.seen if key == "default/a"]
    assert moments == [0, 5 * MILLISECOND, 15 * MILLISECOND, 15 * MILLISECOND + 7 * SECOND]


def test_what_was_stopped_is_not_woken_and_its_successor_is_alone(kernel: Kernel, store: Store) -> None:
    first, second = Noting(kernel), Noting(kernel)
    manager = Manager(kernel, store)

    def change() -> None:
        manager.add(first)
        manager.stop("noting")
        store.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "a", "default"))
        manager.add(second)

    kernel.call(change)
    settle(kernel)
    assert first.seen == []
    assert [key for _, key in second.seen] == ["default/a"]


def test_any_other_error_is_a_bug_and_reaches_whoever_waits(kernel: Kernel, store: Store) -> None:
    def change() -> None:
        store.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "a", "default"))
        Manager(kernel, store).add(Noting(kernel, [ZeroDivisionError("planted")]))

    kernel.call(change)
    with pytest.raises(ZeroDivisionError, match="planted"):
        kernel.wait(lambda: False, DAY)
