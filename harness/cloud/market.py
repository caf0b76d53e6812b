"""Spot prices by pool: a snapshot with a spread between zones, not a forecast. What a zone pays within the recorded
spread follows from the seed.
"""

from __future__ import annotations

from fixtures.facts import ec2_price
from harness.clock import Seeds
from harness.cloud.launching import Pool


class Market:
    """USD per hour of every pool of a region."""

    def __init__(self, seeds: Seeds, region: str) -> None:
        self._seeds = seeds
        self._region = region
        self._spot: dict[tuple[str, str], float] = {}

    def price_usd_per_hour(self, pool: Pool) -> float:
        """On-demand prices are the region's; spot prices are the zone's. Raises UnknownFact for a type without a price."""
        price = ec2_price(pool.instance_type, self._region)
        if pool.capacity_type == "ON_DEMAND":
            return price.on_demand_usd_per_hour
        key = (pool.instance_type, pool.zone)
        if key not in self._spot:
            low, high = price.spot_min_az_usd_per_hour, price.spot_max_az_usd_per_hour
            if low is None or high is None:
                self._spot[key] = price.spot_usd_per_hour
            else:
                draw = self._seeds.stream(f"spot/price/{pool.instance_type}/{pool.zone}")
                self._spot[key] = round(draw.uniform(low, high), 4)
        return self._spot[key]

    def price_date(self, pool: Pool) -> str:
        """Of which day the price is."""
        price = ec2_price(pool.instance_type, self._region)
        return price.on_demand_date if pool.capacity_type == "ON_DEMAND" else price.spot_date
