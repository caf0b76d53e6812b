"""The CronJob controller: schedules and missed starts in pure modules, the loop in `controller`."""

from harness.cluster.controllers.cronjob.controller import CronJobController

__all__ = ["CronJobController"]
