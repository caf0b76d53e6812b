"""A zone that is lost: all its machines stop at once, without notice, and none starts there until it is back.

What EC2 does in such an hour, taken to its end: the instances lose power, launches into the zone are refused for missing capacity, and Auto
Scaling tries the other zones first. A zone that is back gives nothing back: its machines are gone.
"""

from __future__ import annotations

from harness.cloud.instances import Instances, InstanceState
from harness.cloud.nodegroups import Fleet, Member, NodeGroups
from harness.cloud.shortage import Shortage

REASON = "zone failure"


class ZoneOutages:
    """Zones that are lost now. All methods belong to the kernel's thread."""

    def __init__(self, *, groups: NodeGroups, fleet: Fleet, instances: Instances) -> None:
        self._groups = groups
        self._fleet = fleet
        self._instances = instances
        self._shortages: dict[str, Shortage] = {}

    def members(self, zone: str) -> list[Member]:
        """The machines in a zone, in launch order. Raises LookupError when none is there: a loss that hits nothing tests nothing."""
        found = [
            member
            for member in self._fleet.members()
            if (instance := self._fleet.instance_of(member)).pool.zone == zone
            and instance.state is not InstanceState.TERMINATED
        ]
        if not found:
            zones = sorted({zone for name in self._groups.names() for zone in self._groups.get(name).spec.zones})
            raise LookupError(
                f"no machine is in zone {zone!r}: lose one that has a machine, the node groups span {', '.join(zones)}"
            )
        return found

    def lose(self, zone: str) -> None:
        """Stop what is there, and let nothing start there until `restore`. Raises LookupError as `members` does."""
        members = self.members(zone)
        if zone not in self._shortages:
            self._shortages[zone] = shortage = Shortage("InsufficientInstanceCapacity", zone=zone)
            self._instances.capacity_rules.append(shortage)
        self._groups.avoided_zones.add(zone)
        for member in members:
            self._fleet.lose(member, REASON)
        for member in members:
            self._groups.lost(member, REASON)

    def restore(self, zone: str) -> None:
        """Machines may start there again. Harmless when the zone is not lost."""
        shortage = self._shortages.pop(zone, None)
        if shortage is not None:
            self._instances.capacity_rules.remove(shortage)
            self._groups.avoided_zones.discard(zone)
