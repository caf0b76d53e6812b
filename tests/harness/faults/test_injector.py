"""The injector: the moment of a strike, once each, told to the timeline; faults that never struck are idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import pytest

from harness.clock import DAY, SECOND, Kernel, Knock, Timeline, Toll
from harness.faults import After, Handle, Injector, OnKnock, OnRecord, Trigger, UnsupportedFault
from tests.harness.doubles import START

T = TypeVar("T")
PARTY = "ns/p/main/0"
PUT = ("PutObject", "k")


@dataclass(frozen=True)
class Note:
    """A fault that writes down when it struck."""

    moments: list[int]
    now: Callable[[], int]

    def strike(self, surface: Any) -> str:
        self.moments.append(self.now())
        return f"Note/{len(self.moments)}"

    def __repr__(self) -> str:
        return "Note()"


class Surface:
    """A target that cannot do one verb."""

    unsupported: ClassVar = {"Impossible": "no target can, use Note"}


class Impossible(Note):
    """A verb that the target cannot do."""


class Stage:
    """A kernel with one door and an injector."""

    def __init__(self) -> None:
        self.kernel = Kernel(START, wall_limit_s=5)
        self.timeline = Timeline(lambda: self.kernel.now)
        self.injector = Injector(self.kernel, self.timeline, surface=Surface())  # type: ignore[arg-type]
        self.kernel.parties.open_door("aws", lambda _knock: Toll(SECOND))
        self.kernel.start()
        self.moments: list[int] = []

    def inject(self, when: Trigger | None = None) -> Handle:
        return self.on_kernel(lambda: self.injector.install(Note(self.moments, lambda: self.kernel.now), when))

    def on_kernel(self, function: Callable[[], T]) -> T:
        return self.kernel.call(function)

    def play(self, *requests: tuple[str, str]) -> None:
        """A process makes these requests (operation, target), one after the other, and ends."""
        left = list(requests)
        ended: list[bool] = []

        def go_on(_answered: object = None) -> None:
            if left:
                operation, target = left.pop(0)
                self.kernel.parties.arrive(Knock(PARTY, "aws", operation, target, 1)).add_done_callback(go_on)
            else:
                self.kernel.parties.leave(PARTY, lambda: ended.append(True))

        self.on_kernel(lambda: self.kernel.parties.enter(PARTY, lambda: "it plays its part"))
        go_on()
        self.kernel.wait(lambda: bool(ended), DAY)

    def record_after(self, delay_s: int, kind: str, subject: str) -> None:
        """Something happens later."""
        self.on_kernel(lambda: self.kernel.after(delay_s * SECOND, lambda: self.timeline.record(kind, subject)))

    def pass_time(self, duration_s: int) -> None:
        """Time without a process."""
        self.on_kernel(lambda: self.kernel.after(duration_s * SECOND, lambda: None))
        self.kernel.wait(lambda: False, duration_s * SECOND)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.kernel.close()


@pytest.mark.parametrize(("when", "delay_s"), [(None, 0), (After(), 0), (After(90), 90)])
def test_by_the_clock_a_fault_strikes_at_its_moment(stage: Stage, when: Trigger | None, delay_s: int) -> None:
    handle = stage.inject(when)
    stage.pass_time(100)
    assert stage.moments == [START + delay_s * SECOND]
    assert handle.struck == ["Note/1"]
    (record,) = stage.timeline.of_kind("FaultInjected")
    assert (record.subject, record.details, record.at_us) == ("Fault/Note", {"fault": "Note()"}, stage.moments[0])


def test_by_progress_a_fault_strikes_at_the_nth_matching_request_before_its_answer(stage: Stage) -> None:
    stage.inject(OnKnock("PutObject", target="shard-*", count=2))
    stage.play(
        ("PutObject", "shard-0"),  # counted
        ("GetObject", "shard-1"),
        ("PutObject", "zarr.json"),
        ("PutObject", "shard-1"),  # counted: asked after three answers of a second each
        ("PutObject", "shard-2"),
    )
    assert stage.moments == [START + 3 * SECOND]


def test_two_faults_at_one_request_strike_in_the_order_of_their_injection(stage: Stage) -> None:
    first, second = stage.inject(OnKnock("PutObject")), stage.inject(OnKnock("PutObject"))
    stage.play(PUT)
    assert (first.struck, second.struck) == (["Note/1"], ["Note/2"])


@pytest.mark.parametrize("when", [After(10), OnKnock("PutObject", count=1)])
def test_a_fault_that_was_removed_never_strikes_and_is_not_idle(stage: Stage, when: Trigger) -> None:
    handle = stage.inject(when)
    assert stage.on_kernel(stage.injector.idle) == [handle]
    handle.remove()
    stage.play(PUT)
    stage.pass_time(20)
    assert stage.moments == []
    assert stage.on_kernel(stage.injector.idle) == []


def test_a_fault_whose_request_never_came_is_idle(stage: Stage) -> None:
    waiting, struck = stage.inject(OnKnock("PutObject", count=2)), stage.inject(OnKnock("PutObject"))
    stage.play(PUT)
    assert stage.on_kernel(stage.injector.idle) == [waiting]
    assert struck.struck


def test_by_what_happened_a_fault_strikes_at_the_nth_matching_record(stage: Stage) -> None:
    stage.inject(OnRecord("PodRunning", subject="Pod/ns/flyem-*", count=2))
    for delay_s, kind, subject in [
        (1, "PodRunning", "Pod/ns/flyem-1"),
        (2, "PodRunning", "Pod/ns/idr-1"),
        (3, "PodFailed", "Pod/ns/flyem-1"),
        (4, "PodRunning", "Pod/ns/flyem-2"),
        (5, "PodRunning", "Pod/ns/flyem-3"),
    ]:
        stage.record_after(delay_s, kind, subject)
    stage.pass_time(10)
    assert stage.moments == [START + 4 * SECOND]


def test_a_fault_that_waits_for_a_fault_strikes_after_it(stage: Stage) -> None:
    second = stage.inject(OnRecord("FaultInjected"))
    first = stage.inject(After(5))
    stage.pass_time(10)
    assert (first.struck, second.struck) == (["Note/1"], ["Note/2"])


def test_a_fault_that_the_target_cannot_do_is_refused_when_it_is_asked_for(stage: Stage) -> None:
    with pytest.raises(UnsupportedFault, match=r"^Impossible: no target can, use Note$"):
        stage.on_kernel(lambda: stage.injector.install(Impossible(stage.moments, lambda: 0), OnKnock("PutObject")))
    assert stage.on_kernel(stage.injector.idle) == []
