"""The scheduler of the embedded cluster: a framework, plugins under upstream's names, a queue and the loop."""

from harness.cluster.scheduler.cycle import NodeExplanation
from harness.cluster.scheduler.queue import QueueSettings
from harness.cluster.scheduler.reports import SCHEDULER_NAME
from harness.cluster.scheduler.scheduler import Scheduler

__all__ = ["SCHEDULER_NAME", "NodeExplanation", "QueueSettings", "Scheduler"]
