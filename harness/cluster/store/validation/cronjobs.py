"""Cron jobs (`pkg/apis/batch/validation`, robfig/cron v3 for the schedule)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from harness.cluster.store.validation.causes import invalid, non_negative, required
from harness.cluster.store.validation.values import at_least, one_of
from harness.cluster.store.validation.workloads import check_job
from harness.kube.errors import Cause

_FIELDS = ((0, 59, ()), (0, 23, ()), (1, 31, ()))
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAME_MAX = 52
_DESCRIPTORS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})


def check_cron_job(cron_job: Mapping[str, Any]) -> list[Cause]:
    """Schedule, time zone, policies, and the jobs that it will make."""
    spec, name = cron_job["spec"], cron_job["metadata"].get("name", "")
    causes: list[Cause] = []
    if len(name) > _NAME_MAX:
        causes.append(invalid("metadata.name", name, f"must be no more than {_NAME_MAX} characters"))
    schedule = spec.get("schedule") or ""
    if not schedule:
        causes.append(required("spec.schedule"))
    elif "TZ" in schedule:
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        causes.append(invalid("spec.schedule", schedule, detail))
    elif fault := schedule_fault(schedule):
        causes.append(invalid("spec.schedule", schedule, fault))
    causes += at_least("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"), 0)
    causes += _zone(spec.get("timeZone"))
    causes += one_of("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
    for cause in check_job({"spec": spec["jobTemplate"]["spec"]}, template=True):
        causes.append(Cause(f"spec.jobTemplate.{cause.field}", cause.reason, cause.message))
    for field in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        causes += non_negative(f"spec.{field}", spec.get(field))
    return causes


@lru_cache(maxsize=256)
def schedule_fault(schedule: str) -> str:
    """What is wrong with a standard schedule, in the parser's words; empty when it can be read."""
    if schedule.startswith("@"):
        if schedule in _DESCRIPTORS or schedule.startswith("@every "):
            return ""
        return f"unrecognized descriptor: {schedule}"
    fields = schedule.split()
    if len(fields) != 5:
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    bounds = (*_FIELDS, (1, 12, tuple(_MONTHS)), (0, 6, tuple(_DAYS)))
    for field, (least, most, names) in zip(fields, bounds, strict=True):
        for part in field.split(","):
            fault = _part_fault(part, least, most, names)
            if fault:
                return fault
    return ""


def _part_fault(text: str, least: int, most: int, names: tuple[str, ...]) -> str:
    span, slash, step = text.partition("/")
    low, dash, high = span.partition("-")
    if low in {"*", "?"}:
        start, end = least, most
    else:
        numbers = []
        for entry in (low, high) if dash else (low,):
            number = _number(entry, least, names)
            if number is None:
                return f"failed to parse int from {entry}: strconv.Atoi: parsing {_quoted(entry)}: invalid syntax"
            numbers.append(number)
        start, end = numbers[0], numbers[-1] if dash or not slash else most
    if slash and not re.fullmatch(r"\d+", step):
        return f"failed to parse int from {step}: strconv.Atoi: parsing {_quoted(step)}: invalid syntax"
    if start < least:
        return f"beginning of range ({start}) below minimum ({least}): {text}"
    if end > most:
        return f"end of range ({end}) above maximum ({most}): {text}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {text}"
    return f"step of range should be a positive number: {text}" if slash and int(step) == 0 else ""


def _number(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text.lower() in names:
        return names.index(text.lower()) + least
    return int(text) if re.fullmatch(r"\d+", text) else None


def _quoted(text: str) -> str:
    return f'"{text}"'


def _zone(zone: str | None) -> list[Cause]:
    if zone is None:
        return []
    if not zone:
        return [invalid("spec.timeZone", zone, "timeZone must be nil or non-empty string")]
    if zone.lower() == "local":
        return [
            invalid(
                "spec.timeZone",
                zone,
                "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
            )
        ]
    return [] if zone in _zones() else [invalid("spec.timeZone", zone, f"unknown time zone {zone}")]


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
