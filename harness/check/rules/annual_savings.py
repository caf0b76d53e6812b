"""Savings that are twelve times the new monthly cost: a cost has been entered as what is saved."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "savings-are-costs"
_MONTHS = 12
_TOLERANCE = 0.01


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for line in plan.costs:
        cost, savings = line.cloud_usd_per_month, line.savings_usd_per_year
        if cost is None or savings is None or not any(cost):
            continue
        if not _equal(savings, (cost[0] * _MONTHS, cost[1] * _MONTHS)):
            continue
        today = line.today_usd_per_month
        if today is not None:
            saved = sorted(((today[0] - cost[0]) * _MONTHS, (today[1] - cost[1]) * _MONTHS))
            if _equal(savings, (saved[0], saved[1])):
                continue
        yield Finding(
            line.place,
            NAME,
            f"the savings of a year, {savings[0]:g} to {savings[1]:g} USD, are twelve times the monthly cost: "
            "subtract the new cost from today's",
        )


def _equal(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(a - b) <= _TOLERANCE * max(abs(a), abs(b)) for a, b in zip(one, other, strict=True))
