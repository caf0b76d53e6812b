"""The Job controller: rules in pure modules (backoff, failure and success policy, indexes), the loop in `controller`."""

from harness.cluster.controllers.job.controller import JobController

__all__ = ["JobController"]
