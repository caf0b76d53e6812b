"""The six services of the pipeline as the infrastructure sees them: a repository, a role, a pool and a size each.

The memory limit is the memory request: memory cannot be taken back from a pod, so a node whose limits add up to more than it has kills
whichever pod grows last. There is no CPU limit: CPU can be taken back, and a quota would only stretch every transfer.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.node_pools import Requests


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service. A loader writes below its own prefix of the data bucket; consolidate only reads."""

    name: str
    pool: str
    requests: Requests
    scratch_mi: int
    writes_prefix: str | None

    @property
    def repository(self) -> str:
        return f"em-pipeline-{self.name}"

    @property
    def working_set_gb(self) -> str:
        """MEMORY_LIMIT_GB: 70 % of the container's limit in GB of 10^9 bytes, the rest is interpreter and libraries."""
        tenths = self.requests.memory_mi * 2**20 * 7 // 10**9
        return f"{tenths // 10}.{tenths % 10}"


def _loader(name: str, pool: str, *, cpu_m: int, memory_mi: int) -> Service:
    requests = Requests(cpu_m=cpu_m, memory_mi=memory_mi)
    return Service(name=name, pool=pool, requests=requests, scratch_mi=2048, writes_prefix=name)


SERVICES: tuple[Service, ...] = (
    _loader("ebi", "small-loaders", cpu_m=500, memory_mi=1024),
    _loader("epfl", "heavy-processing", cpu_m=1000, memory_mi=4096),
    _loader("flyem", "small-loaders", cpu_m=500, memory_mi=1024),
    _loader("idr", "small-loaders", cpu_m=500, memory_mi=1024),
    _loader("openorganelle", "heavy-processing", cpu_m=2000, memory_mi=6144),
    Service(
        name="consolidate",
        pool="small-loaders",
        requests=Requests(cpu_m=250, memory_mi=512),
        scratch_mi=512,
        writes_prefix=None,
    ),
)
