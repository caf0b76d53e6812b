"""The Job that a CronJob starts: its name, its scheduled time, and how times and zones are written (`pkg/controller/cronjob/utils.go`, 1.34). Pure."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from harness.clock import SECOND
from harness.kube.objects import Object, name_of, namespace_of, new_object, owner_reference, thaw
from harness.kube.resources import JOBS

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def zone_of(name: str | None) -> tzinfo:
    """The zone of `spec.timeZone`, UTC without. Raises ZoneInfoNotFoundError."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError) as error:  # what is no name of a zone at all
        raise ZoneInfoNotFoundError(name) from error


def job_name(cron_job: Object, start_us: int) -> str:
    """`<cron>-<minutes since 1970>`."""
    return f"{name_of(cron_job)}-{start_us // SECOND // 60}"


def new_job(cron_job: Object, start_us: int) -> dict[str, Any]:
    """The Job of a start, not yet stored."""
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    moment = datetime.fromtimestamp(start_us // SECOND, zone_of(cron_job["spec"].get("timeZone")))
    return new_object(
        JOBS,
        job_name(cron_job, start_us),
        namespace_of(cron_job),
        labels=metadata.get("labels") or {},
        annotations={**(metadata.get("annotations") or {}), SCHEDULED_AT: rfc3339(moment)},
        owners=[owner_reference(cron_job)],
        spec=thaw(template.get("spec") or {}),
    )


def rfc3339(moment: datetime) -> str:
    """As Go writes it: `Z` for UTC."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def rfc1123(moment_us: int) -> str:
    """As Go's time.RFC1123Z, whose month and day names are English whatever the locale."""
    moment = datetime.fromtimestamp(moment_us // SECOND, UTC)
    day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][moment.weekday()]
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year} {moment:%H:%M:%S} +0000"
