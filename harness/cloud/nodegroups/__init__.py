"""Managed node groups: instances that become nodes, how many there are, and how they go."""

from harness.cloud.nodegroups.boot import Boot, BootPlan, ModelledBoot
from harness.cloud.nodegroups.drain import Drainer
from harness.cloud.nodegroups.fleet import Fleet, graceful_shutdown
from harness.cloud.nodegroups.groups import NodeGroup, NodeGroups, ValidationError
from harness.cloud.nodegroups.lifecycle import CloudNodeLifecycle, instance_id_of
from harness.cloud.nodegroups.machines import Machines
from harness.cloud.nodegroups.member import Member

__all__ = [
    "Boot",
    "BootPlan",
    "CloudNodeLifecycle",
    "Drainer",
    "Fleet",
    "Machines",
    "Member",
    "ModelledBoot",
    "NodeGroup",
    "NodeGroups",
    "ValidationError",
    "graceful_shutdown",
    "instance_id_of",
]
