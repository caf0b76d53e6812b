"""What differs between the results of one scenario on two targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from harness.fidelity.scenarios.facts import WorldFacts
from harness.fidelity.scenarios.results import ScenarioResult

NOTHING = "-"
_WALL_S = (
    1.5  # by so much a delay may differ on a target that follows the wall, before it is stretched to what it stands for
)
_SHARE = 0.1


@dataclass(frozen=True)
class Row:
    """One thing that was looked at on both sides; `what` is `outcome`, or `world N, ...` and a fact's name."""

    what: str
    one: str
    two: str
    equal: bool


def rows_of(one: ScenarioResult, two: ScenarioResult) -> list[Row]:
    """All that was looked at, side by side. A scenario that one of the targets skipped has no rows."""
    if "skipped" in {one.outcome, two.outcome}:
        return []
    rows = [Row("outcome", one.outcome, two.outcome, one.outcome == two.outcome)]
    several = max(len(one.worlds), len(two.worlds)) > 1
    for number, (first, second) in enumerate(zip_longest(one.worlds, two.worlds), 1):
        if first is None or second is None:
            there = [NOTHING if world is None else "opened" for world in (first, second)]
            rows.append(Row(f"world {number}", there[0], there[1], equal=False))
            continue
        prefix = f"world {number}, " if several else ""
        rows += [*_facts(prefix, first, second), *_delays(prefix, first, second)]
    return rows


def _facts(prefix: str, one: WorldFacts, two: WorldFacts) -> Iterator[Row]:
    for name in _names(one.facts, two.facts):
        first, second = one.facts.get(name, NOTHING), two.facts.get(name, NOTHING)
        yield Row(prefix + name, first, second, first == second)


def _delays(prefix: str, one: WorldFacts, two: WorldFacts) -> Iterator[Row]:
    """Only what both model and show; the one that follows the wall in less time is less exact."""
    allowed_s = _WALL_S * max(one.shorter, two.shorter)
    for name in sorted(one.delays_s.keys() & two.delays_s.keys()):
        first, second = one.delays_s[name], two.delays_s[name]
        equal = abs(first - second) <= allowed_s + _SHARE * max(first, second)
        yield Row(f"{prefix}{name}", f"{first:g} s", f"{second:g} s", equal)


def _names(one: dict[str, str], two: dict[str, str]) -> list[str]:
    """As they come on the first side, then what only the second one has."""
    return [*one, *(name for name in two if name not in one)]
