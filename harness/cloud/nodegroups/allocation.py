"""Which pool an Auto Scaling group launches from, and which of its instances it ends first. Pure.

Zones are balanced first (balanced-best-effort). Within the chosen zones on-demand groups follow the order of their
instance types (prioritized) and spot groups take the cheapest pool (price-capacity-optimized, all pools being equally
deep here). Scale-in takes from the fullest zone the instance that was launched first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from harness.cloud.estate import NodeGroupSpec
from harness.cloud.instances import Instance
from harness.cloud.launching import Pool


def pools_in_order(
    spec: NodeGroupSpec,
    members: Sequence[Instance],
    price: Callable[[Pool], float],
    *,
    avoided_zones: Collection[str] = (),
) -> list[Pool]:
    """Every pool of the group, the one to try first in front; zones in `avoided_zones` come last."""
    crowd = Counter(member.pool.zone for member in members)
    zones = spec.zones
    pools = [Pool(kind, zone, spec.capacity_type) for kind in spec.instance_types for zone in zones]

    def rank(pool: Pool) -> tuple[bool, int, float, int, int]:
        cost = price(pool) if spec.capacity_type == "SPOT" else 0.0
        return (
            pool.zone in avoided_zones,
            crowd[pool.zone],
            cost,
            spec.instance_types.index(pool.instance_type),
            zones.index(pool.zone),
        )

    return sorted(pools, key=rank)


def scale_in_victim(spec: NodeGroupSpec, members: Sequence[Instance]) -> Instance:
    """The instance that goes first; `members` must not be empty."""
    crowd = Counter(member.pool.zone for member in members)
    zones = spec.zones
    return min(members, key=lambda one: (-crowd[one.pool.zone], one.launched_us, zones.index(one.pool.zone), one.id))
