"""The differences between two recordings of one trace.

The rule. Objects with a name of their own are compared with their namesakes; of a group of numbered ones (the pods of a Job) each is paired with the
one on the other side that it resembles most. The histories of two objects are aligned: states that are equal, in the same order, at the same moment
within the tolerance. A state may be left out on one side only if the run of left-out states there lasts at most `transient` seconds: a real server
shows in several writes what the embedded cluster shows in one, and the other way round. Events are compared one by one: type, reason, component,
message, how often, when. Over all that was paired, the time from one moment to the next has to be equal, too, within the tolerance for that time
alone, so that a wrong back-off late in a long trace is as visible as an early one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson

from harness.fidelity.recording import History, Recording, State, difference
from harness.fidelity.trace import Tolerance

States = Sequence[tuple[float, State | None]]


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same."""

    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


@dataclass
class _Paired:
    """How well two histories fit: what differs, and the moments that belong together."""

    problems: list[str] = field(default_factory=list)
    moments: list[tuple[float, float, str]] = field(default_factory=list)
    misfit: float = 0.0


def compare(expected: Recording, actual: Recording, tolerance: Tolerance) -> list[Difference]:
    """What `actual` does differently; empty when it does the same."""
    ends = (expected.end_s, actual.end_s)
    found: list[Difference] = []
    moments: list[tuple[float, float, str]] = []
    groups = list(dict.fromkeys(h.group for h in (*expected.objects.values(), *actual.objects.values())))
    for group in groups:
        left = {key: history for key, history in expected.objects.items() if history.group == group}
        right = {key: history for key, history in actual.objects.items() if history.group == group}
        for key, other, paired in _pairs(left, right, ends, tolerance):
            name = key if other in (key, "") else f"{key} (there {other})" if key else other
            found += [Difference(name, problem) for problem in paired.problems]
            moments += [(one, two, f"{name}: {what}") for one, two, what in paired.moments]
    found += _answers(expected, actual, tolerance, moments)
    return found + _intervals(moments, tolerance)


def _pairs(
    left: Mapping[str, History], right: Mapping[str, History], ends: tuple[float, float], tolerance: Tolerance
) -> list[tuple[str, str, _Paired]]:
    """Who is compared with whom, and the outcome."""
    if len(left) == len(right) == 1:
        (key, one), (other, two) = next(iter(left.items())), next(iter(right.items()))
        return [(key, other, _pair(one, two, ends, tolerance))]
    keys, others = list(left), list(right)
    outcomes = {(key, other): _pair(left[key], right[other], ends, tolerance) for key in keys for other in others}
    costs = [[outcomes[key, other].misfit for other in others] for key in keys]
    chosen = assign(costs, len(others)) if len(keys) <= len(others) else _transposed(costs, len(others))
    result = [(keys[at], others[to], outcomes[keys[at], others[to]]) for at, to in chosen]
    for key in keys:
        if all(pair[0] != key for pair in result):
            result.append((key, "", _alone(left[key], ends[0], tolerance, "is missing")))
    for other in others:
        if all(pair[1] != other for pair in result):
            result.append(("", other, _alone(right[other], ends[1], tolerance, "is too many")))
    return result


def _alone(history: History, end: float, tolerance: Tolerance, words: str) -> _Paired:
    """An object that the other side has not: fine if it was there for no more than a moment, and nothing was told of it."""
    states = [moment for moment, _ in history.states]
    gone = bool(history.states) and history.states[-1][1] is None
    if gone and not history.events and states[-1] - states[0] <= tolerance.transient_s:
        return _Paired()
    if states and not history.events and end - states[0] <= tolerance.of(0):
        return _Paired()
    first = f" (from {states[0]:g} s: {_words(history.states[0][1])})" if states else ""
    events = "".join(f"; event {' '.join(event)} at {_moments(at)}" for event, at in sorted(history.events.items()))
    return _Paired([f"{words}{first}{events}"])


def _pair(one: History, two: History, ends: tuple[float, float], tolerance: Tolerance) -> _Paired:
    paired = _Paired()
    matched, problem = align(one.states, two.states, ends, tolerance)
    paired.moments += [(one.states[i][0], two.states[j][0], "state") for i, j in matched]
    if problem:
        paired.problems.append(problem)
        paired.misfit += 100.0 * (len(one.states) + len(two.states) - 2 * len(matched) + 1)
    for event in sorted({*one.events, *two.events}):
        _events(event, one.events.get(event, []), two.events.get(event, []), ends, tolerance, paired)
    paired.misfit += 100.0 * len(paired.problems) + sum(abs(a - b) for a, b, _ in paired.moments)
    return paired


def _events(
    event: tuple[str, str, str, str],
    expected: list[float],
    actual: list[float],
    ends: tuple[float, float],
    tolerance: Tolerance,
    paired: _Paired,
) -> None:
    if event[1] in tolerance.once:
        expected, actual = expected[:1], actual[:1]
    late = min(ends) - tolerance.of(0)
    words = " ".join(part for part in event if part)
    if len(expected) != len(actual) and (
        min(len(expected), len(actual)) < max(_before(late, expected), _before(late, actual))
    ):
        told = _moments(expected) if expected else "never"
        paired.problems.append(f"event {words}: expected at {told}, got {_moments(actual) if actual else 'none'}")
        return
    for one, two in zip(expected, actual, strict=False):
        if abs(one - two) > tolerance.of(max(one, two)):
            paired.problems.append(f"event {words}: expected at {one:g} s, got at {two:g} s")
            return
        paired.moments.append((one, two, f"event {event[1]}"))


def _before(moment: float, moments: list[float]) -> int:
    return sum(1 for found in moments if found < moment)


def align(
    expected: States, actual: States, ends: tuple[float, float], tolerance: Tolerance
) -> tuple[list[tuple[int, int]], str]:
    """The pairs of states that belong together, and what is wrong, or nothing."""
    best: dict[tuple[int, int], tuple[int, tuple[int, int] | None]] = {(-1, -1): (0, None)}
    for i, (one, state) in enumerate(expected):
        for j, (two, other) in enumerate(actual):
            if state != other or abs(one - two) > tolerance.of(max(one, two)):
                continue
            before = _predecessor(best, expected, actual, (i, j), tolerance.transient_s)
            if before is not None:
                best[i, j] = (best[before][0] + 1, before)
    complete = [
        pair
        for pair in best
        if _is_end(expected, pair[0], ends[0], tolerance) and _is_end(actual, pair[1], ends[1], tolerance)
    ]
    chosen = max(complete or best, key=lambda pair: (best[pair][0], sum(pair)))
    matched = []
    at: tuple[int, int] | None = chosen
    while at is not None and at != (-1, -1):
        matched.append(at)
        at = best[at][1]
    matched.reverse()
    return matched, "" if complete else _explain(expected, actual, chosen, tolerance)


def _predecessor(
    best: Mapping[tuple[int, int], Any], expected: States, actual: States, pair: tuple[int, int], transient_s: float
) -> tuple[int, int] | None:
    """The best pair before this one between which only transient states are left out."""
    found: tuple[int, int] | None = None
    i, j = pair
    for a in _reach(expected, i, transient_s):
        for b in _reach(actual, j, transient_s):
            if (a, b) in best and (found is None or best[a, b][0] > best[found][0]):
                found = (a, b)
    return found


def _reach(states: States, at: int, transient_s: float) -> list[int]:
    """The positions from which one may come to `at`."""
    found = []
    for before in range(at - 1, -2, -1):
        if before < at - 1 and states[at][0] - states[before + 1][0] > transient_s:
            break
        found.append(before)
    return found


def _is_end(states: States, at: int, end: float, tolerance: Tolerance) -> bool:
    """Whether nothing comes after `at`, or only what came too shortly before the end for the other side."""
    return at == len(states) - 1 or end - states[at + 1][0] <= tolerance.of(0)


def _explain(expected: States, actual: States, chosen: tuple[int, int], tolerance: Tolerance) -> str:
    """Where two histories part."""
    i, j = chosen
    left = _settled(expected, i + 1, tolerance)
    right = _settled(actual, j + 1, tolerance)
    since = f"after {expected[i][0]:g} s" if i >= 0 else "from the start"
    base = (expected[i][1] if i >= 0 else None) or {}
    if left is None and right is None:
        return f"{since}: the states come in another order"
    if left is None and right is not None:
        return f"{since}: nothing more is expected, got at {right[0]:g} s {_change(base, right[1])}"
    assert left is not None
    if right is None:
        return f"{since}: expected at {left[0]:g} s {_change(base, left[1])}, got nothing more"
    if left[1] == right[1]:
        return f"{since}: {_change(base, left[1])} expected at {left[0]:g} s, got at {right[0]:g} s"
    return (
        f"{since}: expected at {left[0]:g} s {_change(base, left[1])}, got at {right[0]:g} s {_change(base, right[1])}"
    )


def _settled(states: States, at: int, tolerance: Tolerance) -> tuple[float, State | None] | None:
    """The first state from `at` on that lasts."""
    for here in range(at, len(states)):
        if here == len(states) - 1 or states[here + 1][0] - states[here][0] > tolerance.transient_s / 2:
            return states[here]
    return None


def _answers(
    expected: Recording, actual: Recording, tolerance: Tolerance, moments: list[tuple[float, float, str]]
) -> list[Difference]:
    found = []
    for number in range(max(len(expected.answers), len(actual.answers))):
        one = expected.answers[number] if number < len(expected.answers) else None
        two = actual.answers[number] if number < len(actual.answers) else None
        if one is None or two is None or one[1:] != two[1:]:
            told = [f"at {a[0]:g} s {a[1]}: {a[2]}" if a else "no step" for a in (one, two)]
            found.append(Difference("steps", f"expected {told[0]}, got {told[1]}"))
            break
        if abs(one[0] - two[0]) > tolerance.of(max(one[0], two[0])):
            found.append(Difference("steps", f"{one[1]} expected at {one[0]:g} s, got at {two[0]:g} s"))
            break
        moments.append((one[0], two[0], f"step {one[1]}"))
    return found


def _intervals(moments: list[tuple[float, float, str]], tolerance: Tolerance) -> list[Difference]:
    """The first place where the time since the moment before differs."""
    ordered = sorted(moments)
    for (one, two, _), (later, other, what) in pairwise(ordered):
        expected, actual = later - one, other - two
        if abs(expected - actual) > tolerance.of(max(expected, abs(actual))):
            subject, _, detail = what.rpartition(": ")
            return [
                Difference(
                    subject,
                    f"{detail} expected {expected:.2f} s after what came before (at {one:g} s), got {actual:.2f} s",
                )
            ]
    return []


def _transposed(costs: list[list[float]], width: int) -> list[tuple[int, int]]:
    turned = [[row[column] for row in costs] for column in range(width)]
    return [(to, at) for at, to in assign(turned, len(costs))]


def assign(costs: list[list[float]], width: int) -> list[tuple[int, int]]:
    """The cheapest pairing of all rows with different columns (the Hungarian method; no more rows than columns)."""
    rows = len(costs)
    infinity = float("inf")
    row_price, column_price = [0.0] * (rows + 1), [0.0] * (width + 1)
    owner = [0] * (width + 1)
    for row in range(1, rows + 1):
        owner[0], column = row, 0
        slack, used, way = [infinity] * (width + 1), [False] * (width + 1), [0] * (width + 1)
        while True:
            used[column] = True
            current, step, following = owner[column], infinity, 0
            for candidate in range(1, width + 1):
                if used[candidate]:
                    continue
                cost = costs[current - 1][candidate - 1] - row_price[current] - column_price[candidate]
                if cost < slack[candidate]:
                    slack[candidate], way[candidate] = cost, column
                if slack[candidate] < step:
                    step, following = slack[candidate], candidate
            for candidate in range(width + 1):
                if used[candidate]:
                    row_price[owner[candidate]] += step
                    column_price[candidate] -= step
                else:
                    slack[candidate] -= step
            column = following
            if owner[column] == 0:
                break
        while column:
            owner[column] = owner[way[column]]
            column = way[column]
    return sorted((owner[column] - 1, column - 1) for column in range(1, width + 1) if owner[column])


def _change(base: State, state: State | None) -> str:
    return "gone" if state is None else _words(difference(base, state))


def _words(value: Any) -> str:
    return "gone" if value is None else orjson.dumps(value).decode()


def _moments(moments: Sequence[float]) -> str:
    return ", ".join(f"{moment:g} s" for moment in moments)
