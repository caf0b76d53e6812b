"""The archives' gate under a cut network: what stands still and for how long, what breaks and when, what is not touched."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from fixtures.archives.gate import Request
from harness.clock import DAY, SECOND, Kernel, Knock, seconds
from harness.targets.base import CutMode
from harness.targets.sim.cuts import Cut, silent_us
from harness.targets.sim.gate import DOOR, KernelGate, Severed, archive_policy
from tests.harness.doubles import START

POD = "ns/flyem-1"
RATE = 1000  # bytes a second
LATENCY_S = 0.1


def cut(begin_s: float, end_s: float, mode: CutMode = "drop") -> Cut:
    return Cut(POD, frozenset({"flyem"}), mode, START + seconds(begin_s), START + seconds(end_s), seconds(60))


@pytest.mark.parametrize(
    ("cuts", "silent_s"),
    [
        ([], 0),
        ([(-5, 5)], 5),
        ([(2, 3), (5, 20)], 6),
        ([(2, 6), (4, 8)], 6),
        ([(2, 8), (3, 4)], 6),
        ([(10, 20)], 0),
    ],
)
def test_silence_is_counted_once_and_only_within_the_time_asked_about(
    cuts: list[tuple[float, float]], silent_s: float
) -> None:
    found = silent_us([cut(*one) for one in cuts], START, START + 10 * SECOND)
    assert found == seconds(silent_s)
    assert silent_us([cut(*one, mode="reset") for one in cuts], START, START + 10 * SECOND) == 0


class Line:
    """A gate, one process that asks for things one after the other, and what became of each, with its moment."""

    def __init__(self) -> None:
        self.kernel = Kernel(START, wall_limit_s=5)
        self.gate = KernelGate(self.kernel)
        self.kernel.parties.open_door(DOOR, archive_policy({"flyem": RATE, "epfl": RATE}, 1.0))
        self.kernel.start()
        self.ends: list[tuple[float, str]] = []
        self.knocked: list[str] = []
        self.kernel.parties.observe(lambda knock: self.knocked.append(knock.operation))

    def sever(self, one: Cut) -> Cut:
        self.kernel.call(lambda: self.kernel.at(max(one.begin_us, self.kernel.now), lambda: self.gate.sever(one)))
        return one

    def transfer(self, *requests: tuple[str, int], party: str = f"{POD}/main/0") -> list[tuple[float, str]]:
        """`requests` are archives and sizes."""
        left, done = list(requests), list[bool]()

        def go_on() -> None:
            if not left:
                self.kernel.parties.leave(party, lambda: done.append(True))
                return
            archive, size = left.pop(0)
            answer = self.gate.knock(Request(party, archive, "GET", "/x", size))
            answer.add_done_callback(ended)

        def ended(answer: Future[None]) -> None:
            error = answer.exception()
            what = type(error).__name__ if error is not None else "answered"
            self.ends.append(((self.kernel.now - START) / SECOND, what))
            go_on()

        self.kernel.call(lambda: self.kernel.parties.enter(party, lambda: "it transfers"))
        go_on()
        self.kernel.wait(lambda: bool(done), DAY)
        return self.ends


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.kernel.close()


def test_without_a_cut_a_transfer_takes_a_round_trip_and_its_bytes(line: Line) -> None:
    assert line.transfer(("flyem", 10 * RATE)) == [(10.1, "answered")]


def test_a_transfer_under_way_stands_still_during_the_silence_and_then_takes_what_it_had_left(line: Line) -> None:
    met = line.sever(cut(4, 24))
    assert line.transfer(("flyem", 10 * RATE), ("flyem", RATE)) == [(30.1, "answered"), (31.2, "answered")]
    assert met.met == 1


def test_a_transfer_that_begins_in_the_silence_waits_for_its_end(line: Line) -> None:
    met = line.sever(cut(0.5, 20))
    assert line.transfer(("flyem", 0), ("epfl", RATE), ("flyem", RATE)) == [
        (0.1, "answered"),
        (1.2, "answered"),
        (21.1, "answered"),
    ]
    assert met.met == 1


def test_a_second_silence_after_the_first_adds_to_it(line: Line) -> None:
    line.sever(cut(2, 12))
    line.sever(cut(15, 20))
    assert line.transfer(("flyem", 10 * RATE)) == [(25.1, "answered")]


def test_the_silence_outlasts_the_patience_of_the_process(line: Line) -> None:
    met = line.sever(cut(4, 1000))
    assert line.transfer(("flyem", 10 * RATE), ("flyem", RATE)) == [(64.0, "Severed"), (124.0, "Severed")]
    assert met.met == 2


def test_a_silence_that_ends_with_the_patience_is_waited_out(line: Line) -> None:
    line.sever(cut(4, 64))
    assert line.transfer(("flyem", 10 * RATE)) == [(70.1, "answered")]


def test_a_reset_breaks_what_is_under_way_at_once_and_what_follows_after_a_round_trip(line: Line) -> None:
    met = line.sever(cut(4, 4.15, "reset"))
    assert line.transfer(("flyem", 10 * RATE), ("flyem", RATE), ("flyem", RATE)) == [
        (4.0, "Severed"),
        (4.1, "Severed"),
        (4.2, "Severed"),
    ]
    assert met.met == 3
    line.ends.clear()
    assert line.transfer(("flyem", RATE), party=f"{POD}/main/1") == [(5.3, "answered")]


@pytest.mark.parametrize("mode", ["drop", "reset"])
@pytest.mark.parametrize(("party", "archive"), [("ns/flyem-2/main/0", "flyem"), (f"{POD}/main/0", "epfl")])
def test_other_pods_and_other_archives_are_not_touched(line: Line, mode: CutMode, party: str, archive: str) -> None:
    met = line.sever(cut(0, 1000, mode))
    assert line.transfer((archive, RATE), party=party) == [(1.1, "answered")]
    assert met.met == 0


def test_who_counts_requests_counts_one_that_stood_still_once(line: Line) -> None:
    met: list[Knock] = []
    one = cut(1, 5)
    one.on_met = met.append
    line.sever(one)
    line.transfer(("flyem", 3 * RATE))
    assert line.knocked.count("GET") == 1
    assert [knock.target for knock in met] == ["flyem:/x"]


def test_whoever_is_no_live_process_is_answered_at_once(line: Line) -> None:
    line.sever(cut(0, 1000))
    answer = line.gate.knock(Request(f"{POD}/main/0", "flyem", "GET", "/x", RATE))
    assert answer.result(timeout=5) is None
    assert isinstance(Severed("x"), ConnectionError)
