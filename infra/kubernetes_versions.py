"""Until when AWS supports a Kubernetes version on EKS in standard support, and the rule which versions an environment may name.

Dates: EKS user guide (late 2025) up to 1.34, endoflife.date (2026-02) for 1.35; for 1.36 the first node image is of 2026-06-10 and standard
support lasts 14 months, of which only the month is known, so its first day counts here.
"""

from __future__ import annotations

from datetime import date

from infra.refusal import RefusedValue, refuse_unless

STANDARD_SUPPORT_ENDS: dict[str, date] = {
    "1.33": date(2026, 7, 29),
    "1.34": date(2026, 12, 2),
    "1.35": date(2027, 3, 27),
    "1.36": date(2027, 8, 1),
}
SUPPORT_LEFT_MIN_DAYS = 183


def refuse_unless_supported(version: str, *, on: date, place: str) -> None:
    """Refuse a version that has less than six months of standard support left on that day."""
    ends = STANDARD_SUPPORT_ENDS.get(version)
    if ends is None:
        known = ", ".join(STANDARD_SUPPORT_ENDS)
        raise RefusedValue(
            place, found=version, limit=f"no end of standard support is recorded for it, known are {known}"
        )
    left_days = (ends - on).days
    refuse_unless(
        left_days >= SUPPORT_LEFT_MIN_DAYS,
        place,
        found=version,
        limit=f"standard support ends {ends.isoformat()}, {left_days} days after {on.isoformat()}, and {SUPPORT_LEFT_MIN_DAYS} are wanted",
    )
