"""The verbs that break things, as values: a target, a moment and an end. Their endings differ, so they are kept apart.

delete_pod and evict_pod take a pod, drain_node a node's pods, reclaim_spot a machine with its notice, kill_node a machine at once, fail_calls
the answers of the AWS endpoint. Failures of the public archives are switched on by name when a world is opened.
"""

from harness.faults.injector import Handle, Injector
from harness.faults.triggers import After, OnKnock, OnRecord, Trigger
from harness.faults.verbs import (
    DeletePod,
    DrainNode,
    EvictPod,
    FailCalls,
    Fault,
    KillNode,
    ReclaimSpot,
)

__all__ = [
    "After",
    "DeletePod",
    "DrainNode",
    "EvictPod",
    "FailCalls",
    "Fault",
    "Handle",
    "Injector",
    "KillNode",
    "OnKnock",
    "OnRecord",
    "ReclaimSpot",
    "Trigger",
]
