"""What every write of the store stands on: the objects, the clock, the seeds, admission, the addresses of services."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import Kernel, Seeds, format_time
from harness.cluster.store.addresses import Addresses
from harness.cluster.store.admission import Admission, Charge
from harness.cluster.store.log import Stored
from harness.cluster.store.view import View
from harness.kube.errors import NotFound
from harness.kube.hooks import AdmissionMutator
from harness.kube.resources import RESOURCE_QUOTAS, Resource


class Core(View):
    """The state that the writing modules (`creating`, `updating`, `applying`, `removing`) share; `Store` is its face."""

    def __init__(self, kernel: Kernel, seeds: Seeds, mutators: Sequence[AdmissionMutator], window: int) -> None:
        super().__init__(window)
        self.kernel = kernel
        self.seeds = seeds
        self.mutators = tuple(mutators)
        self.admission = Admission(self, lambda: seeds.suffix("kube-api-access"))
        self.addresses = Addresses(self)

    @property
    def now(self) -> str:
        """The present moment as objects have it."""
        return format_time(self.kernel.now)

    def existing(self, resource: Resource, namespace: str | None, name: str) -> Stored:
        """What is stored under a name. Raises NotFound."""
        stored = self.stored(resource, namespace if resource.namespaced else None, name)
        if stored is None:
            raise NotFound.of(resource, name)
        return stored

    def pay(self, charges: Sequence[Charge]) -> None:
        """Note in the quotas' status what a write costs."""
        for charge in charges:
            quota = charge.quota
            place = (quota["metadata"]["namespace"], quota["metadata"]["name"])
            self.commit(RESOURCE_QUOTAS, place, {**quota, "status": {**quota["status"], "used": dict(charge.used)}})
