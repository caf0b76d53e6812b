"""The verbs that break things, as values: a target, a moment and an end. Their endings differ, so they are kept apart.

DeletePod and EvictPod take a pod, DrainNode a node's pods, ReclaimSpot a machine with its notice, KillNode a machine at once, LoseZone all machines of a
zone. FailCalls takes the answers of the AWS endpoint, RefuseCapacity its machines, CutNetwork the way to an archive, FillDisk the room of a volume.
Failures of the public archives are switched on by name when a world is opened. docs/faults.md has the verbs by target.
"""

from harness.faults.injector import Handle, Injector
from harness.faults.triggers import After, OnKnock, OnRecord, Trigger
from harness.faults.verbs import (
    CutNetwork,
    DeletePod,
    DrainNode,
    EvictPod,
    FailCalls,
    Fault,
    FillDisk,
    KillNode,
    LoseZone,
    ReclaimSpot,
    RefuseCapacity,
)
from harness.targets.base import UnsupportedFault

__all__ = [
    "After",
    "CutNetwork",
    "DeletePod",
    "DrainNode",
    "EvictPod",
    "FailCalls",
    "Fault",
    "FillDisk",
    "Handle",
    "Injector",
    "KillNode",
    "LoseZone",
    "OnKnock",
    "OnRecord",
    "ReclaimSpot",
    "RefuseCapacity",
    "Trigger",
    "UnsupportedFault",
]
