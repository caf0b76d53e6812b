"""The CronJob controller: starts Jobs on a schedule and keeps account of them (`pkg/controller/cronjob/cronjob_controllerv2.go`, 1.34).

Nothing ticks: a reconcile works out the next start and comes back then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

from harness.clock import MILLISECOND, SECOND, Kernel, format_time, parse_time
from harness.cluster.controllers.cronjob import timing
from harness.cluster.controllers.cronjob.jobs import job_name, new_job, rfc1123, zone_of
from harness.cluster.controllers.cronjob.schedule import Schedule, ScheduleError, parse
from harness.cluster.controllers.job.names import is_finished
from harness.cluster.controllers.pods import Retries, namespace_goes_away
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import AlreadyExists, ApiError
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    controller_of,
    is_deleting,
    is_true,
    name_of,
    namespace_of,
    split_key,
    thaw,
    uid_of,
)
from harness.kube.resources import CRON_JOBS, JOBS

_INDEX = "cronjob"  # of jobs: namespace/name of the CronJob that controls them
_RETRY_FIRST_US, _RETRY_LAST_US = 5 * MILLISECOND, 1000 * SECOND


def _cron_job_of(job: Object) -> Iterable[str]:
    owner = controller_of(job)
    if owner is not None and owner["kind"] == CRON_JOBS.kind:
        yield f"{namespace_of(job)}/{owner['name']}"


class _Stop(Exception):
    """Nothing more can be done in this reconcile."""


class CronJobController:
    """Reconciles CronJobs."""

    name = "cronjob-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(self.name)
        self._retries = Retries(_RETRY_FIRST_US, _RETRY_LAST_US)
        self._schedules: dict[str, tuple[str, str | None]] = {}  # by uid, as last seen
        reader.add_index(JOBS, _INDEX, _cron_job_of)

    def watches(self) -> Sequence[Watch]:
        """CronJobs and their Jobs."""
        return [Watch(CRON_JOBS), Watch(JOBS, _cron_job_of)]

    def reconcile(self, key: str) -> int | None:
        """Clean up, keep account, start what is due; the time until the next start."""
        stored = self._reader.get(CRON_JOBS, *split_key(key))
        if stored is None:
            return None
        cron_job: dict[str, Any] = thaw(stored)
        if (held_us := self._changed(cron_job)) is not None:
            return held_us
        cron_job.setdefault("status", {})
        again_us: int | None = None
        try:
            jobs = list(self._reader.by_index(JOBS, _INDEX, key))
            self._clean_up(cron_job, jobs)
            self._keep_account(cron_job, self._reader.by_index(JOBS, _INDEX, key))
            if not is_deleting(cron_job):
                again_us = self._start(cron_job)
            self._retries.forget(uid_of(cron_job))
        except _Stop:
            again_us = None
        except ApiError as error:
            if not namespace_goes_away(error.details):
                again_us = self._retries.failed(uid_of(cron_job), self._kernel.now)
        if cron_job["status"] != (stored.get("status") or {}):
            self._writer.replace(CRON_JOBS, cron_job, subresource="status")
        return again_us

    def _changed(self, cron_job: Object) -> int | None:
        """Upstream lets a changed schedule wait for its next start, so that nothing missed under the new one is made good at once."""
        spec = cron_job["spec"]
        now_seen = (str(spec["schedule"]), spec.get("timeZone"))
        before = self._schedules.get(uid_of(cron_job))
        self._schedules[uid_of(cron_job)] = now_seen
        if before is None or before == now_seen:
            return None
        try:
            schedule = parse(now_seen[0], zone_of(now_seen[1]))
        except (ScheduleError, ZoneInfoNotFoundError):
            words = f"unparseable schedule for cronjob: {now_seen[0]}"
            self._say(cron_job, "Warning", "UnParseableCronJobSchedule", words)
            return None
        return timing.until_next_us(schedule, _earliest_us(cron_job), self._kernel.now)

    def _clean_up(self, cron_job: dict[str, Any], jobs: Sequence[Object]) -> None:
        """Delete the oldest finished Jobs beyond the history limits."""
        for kind, field in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            limit = cron_job["spec"].get(field)
            if limit is None:
                continue
            finished = sorted((job for job in jobs if _outcome(job) == kind), key=_start_order)
            for job in finished[: max(len(finished) - int(limit), 0)]:
                self._delete(cron_job, job)

    def _keep_account(self, cron_job: dict[str, Any], jobs: Sequence[Object]) -> None:
        """Take finished and lost Jobs off the list of active ones."""
        status = cron_job["status"]
        for job in jobs:
            active = {entry["uid"] for entry in status.get("active") or ()}
            if not is_finished(job):
                if uid_of(job) not in active:
                    words = f"Saw a job that the controller did not create or forgot: {name_of(job)}"
                    self._say(cron_job, "Warning", "UnexpectedJob", words)
                continue
            if uid_of(job) in active:
                _forget(status, uid_of(job))
                words = f"Saw completed job: {name_of(job)}, condition: {_outcome(job)}"
                self._say(cron_job, "Normal", "SawCompletedJob", words)
            done = (job.get("status") or {}).get("completionTime")
            if _outcome(job) == "Complete" and done is not None and done > status.get("lastSuccessfulTime", ""):
                status["lastSuccessfulTime"] = done
        present = {uid_of(job) for job in jobs}
        for entry in list(status.get("active") or ()):
            if entry["uid"] in present or self._reader.get(JOBS, entry["namespace"], entry["name"]) is not None:
                continue
            self._say(cron_job, "Normal", "MissingJob", f"Active job went missing: {entry['name']}")
            _forget(status, entry["uid"])

    def _start(self, cron_job: dict[str, Any]) -> int | None:
        """Start the Job that is due, if policy and deadline let it; the time until the next start. Raises ApiError."""
        spec, status, now = cron_job["spec"], cron_job["status"], self._kernel.now
        schedule = self._schedule(cron_job)
        if schedule is None:
            return None
        deadline_s = spec.get("startingDeadlineSeconds")
        try:
            due = timing.most_recent(schedule, _earliest_us(cron_job), now, deadline_s)
        except timing.NoSecondStart as error:
            self._say(cron_job, "Warning", "InvalidSchedule", f"invalid schedule: {spec['schedule']} : {error}")
            return None
        start_us = due.most_recent_us
        if start_us is None:
            return timing.until_next_us(schedule, _earliest_us(cron_job), now)
        if due.missed_many:
            words = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            self._say(cron_job, "Warning", "TooManyMissedTimes", words)
        if deadline_s is not None and start_us + int(deadline_s) * SECOND < now:
            words = f"Missed scheduled time to start a job: {rfc1123(start_us)}"
            self._say(cron_job, "Warning", "MissSchedule", words)
        elif not self._is_processed(cron_job, start_us):
            if spec.get("concurrencyPolicy") == "Forbid" and status.get("active"):
                words = "Not starting job because prior execution is running and concurrency policy is Forbid"
                self._say(cron_job, "Normal", "JobAlreadyActive", words)
            else:
                self._create(cron_job, start_us)
        return timing.until_next_us(schedule, _earliest_us(cron_job), now)

    def _schedule(self, cron_job: Object) -> Schedule | None:
        """The schedule; None, said in an event where it is a mistake, when nothing is to be started."""
        spec = cron_job["spec"]
        text, name = str(spec["schedule"]), spec.get("timeZone")
        try:
            zone = zone_of(name)
        except ZoneInfoNotFoundError:
            words = f'invalid timeZone: "{name}": unknown time zone {name}'
            self._say(cron_job, "Warning", "UnknownTimeZone", words)
            return None
        if spec.get("suspend"):
            return None
        if "TZ" in text:
            words = (
                f'CRON_TZ or TZ used in schedule "{text}" is not officially supported, see '
                "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
            )
            self._say(cron_job, "Warning", "UnsupportedSchedule", words)
        try:
            return parse(text, zone)
        except ScheduleError as error:
            self._say(cron_job, "Warning", "UnparseableSchedule", f'unparseable schedule: "{text}" : {error}')
            return None

    def _is_processed(self, cron_job: Object, start_us: int) -> bool:
        status = cron_job["status"]
        name = job_name(cron_job, start_us)
        active = any(entry["name"] == name for entry in status.get("active") or ())
        return active or status.get("lastScheduleTime") == format_time(start_us)

    def _create(self, cron_job: dict[str, Any], start_us: int) -> None:
        spec, status = cron_job["spec"], cron_job["status"]
        if spec.get("concurrencyPolicy") == "Replace":
            for entry in list(status.get("active") or ()):
                job = self._reader.get(JOBS, entry["namespace"], entry["name"])
                if job is not None:
                    self._delete(cron_job, job)
        draft = new_job(cron_job, start_us)
        try:
            job = self._writer.create(JOBS, draft)
            self._say(cron_job, "Normal", "SuccessfulCreate", f"Created job {name_of(job)}")
        except AlreadyExists:
            present = self._reader.get(JOBS, namespace_of(cron_job), draft["metadata"]["name"])
            if present is None or (controller_of(present) or {}).get("uid") != uid_of(cron_job):
                raise _Stop from None
            job = present
        except ApiError as error:
            if not namespace_goes_away(error.details):
                self._say(cron_job, "Warning", "FailedCreate", f"Error creating job: {error.message}")
            raise
        reference = {
            "apiVersion": job["apiVersion"],
            "kind": job["kind"],
            "name": name_of(job),
            "namespace": namespace_of(job),
            "resourceVersion": job["metadata"]["resourceVersion"],
            "uid": uid_of(job),
        }
        status["active"] = [*(status.get("active") or ()), reference]
        status["lastScheduleTime"] = format_time(start_us)

    def _delete(self, cron_job: dict[str, Any], job: Object) -> None:
        self._writer.delete(JOBS, namespace_of(job), name_of(job))
        _forget(cron_job["status"], uid_of(job))
        self._say(cron_job, "Normal", "SuccessfulDelete", f"Deleted job {name_of(job)}")

    def _say(self, cron_job: Object, kind: Any, reason: str, message: str) -> None:
        self._events.event(cron_job, kind, reason, message)


def _earliest_us(cron_job: Object) -> int:
    last = (cron_job.get("status") or {}).get("lastScheduleTime")
    return parse_time(str(last or cron_job["metadata"]["creationTimestamp"]))


def _outcome(job: Object) -> str:
    return next((kind for kind in ("Complete", "Failed") if is_true(job, kind)), "")


def _start_order(job: Object) -> tuple[bool, str, str]:
    started = (job.get("status") or {}).get("startTime")
    return started is None, started or "", name_of(job)


def _forget(status: dict[str, Any], uid: str) -> None:
    left = [entry for entry in status.get("active") or () if entry["uid"] != uid]
    if left:
        status["active"] = left
    else:
        status.pop("active", None)
