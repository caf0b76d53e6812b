"""Managed node groups: instances that become nodes, how many there are, and how they go."""

from harness.cloud.nodegroups.drain import Drainer
from harness.cloud.nodegroups.fleet import Fleet, Member
from harness.cloud.nodegroups.groups import NodeGroup, NodeGroups, ValidationError
from harness.cloud.nodegroups.lifecycle import CloudNodeLifecycle, instance_id_of
from harness.cloud.nodegroups.machines import Machines

__all__ = [
    "CloudNodeLifecycle",
    "Drainer",
    "Fleet",
    "Machines",
    "Member",
    "NodeGroup",
    "NodeGroups",
    "ValidationError",
    "instance_id_of",
]
