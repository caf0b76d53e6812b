"""ResourceQuota: what is created is charged to the quotas of its namespace, and refused where it does not fit.

The quota controller takes the charge back when objects go. Both count with `harness.cluster.quota`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.cluster.quota import add, charged_names, counts, exceeds, required_error, subtract, usage_of
from harness.cluster.store.admission.refusals import Draft, forbidden, name_in
from harness.kube.client import Reader
from harness.kube.objects import Object
from harness.kube.quantity import parse
from harness.kube.resources import PODS, RESOURCE_QUOTAS, Resource


@dataclass(frozen=True)
class Charge:
    """A quota and what its `status.used` becomes."""

    quota: Object
    used: Mapping[str, str]


def charge(reader: Reader, resource: Resource, new: Draft, old: Object | None, now_us: int) -> list[Charge]:
    """What the creation (or with `old` the update) costs. Raises Forbidden when a quota has not enough left."""
    quotas = reader.list(RESOURCE_QUOTAS, new["metadata"]["namespace"])
    if not quotas:
        return []
    interested: list[Object] = []
    for quota in quotas:
        hard: Mapping[str, Any] = (quota.get("status") or {}).get("hard") or {}
        names = charged_names(resource, hard)
        if not names or not counts(quota, resource, new):
            continue
        title = quota["metadata"]["name"]
        why = required_error(names, new) if resource == PODS else ""
        if why:
            raise forbidden(resource, name_in(new), f"failed quota: {title}: {why}")
        missing = [name for name in names if name not in ((quota.get("status") or {}).get("used") or {})]
        if missing:
            why = f"status unknown for quota: {title}, resources: {','.join(sorted(missing))}"
            raise forbidden(resource, name_in(new), why)
        interested.append(quota)
    if not interested:
        return []
    usage: Mapping[str, str] = usage_of(resource, new, now_us)
    if old is not None:
        usage = subtract(usage, usage_of(resource, old, now_us))
    usage = {name: amount for name, amount in usage.items() if parse(amount) != 0}
    return [made for quota in interested if (made := _charge_one(resource, new, quota, usage)) is not None]


def _charge_one(resource: Resource, new: Draft, quota: Object, usage: Mapping[str, str]) -> Charge | None:
    status = quota["status"]
    hard: Mapping[str, Any] = status["hard"]
    wanted = {name: amount for name, amount in usage.items() if name in hard}
    if not wanted:
        return None
    used: Mapping[str, Any] = status.get("used") or {}
    total = add(used, wanted)
    over = exceeds({name: total[name] for name in wanted if parse(wanted[name]) > 0}, hard)
    if over:
        parts = (("requested", wanted), ("used", used), ("limited", hard))
        texts = [f"{title}: {','.join(f'{name}={amounts[name]}' for name in over)}" for title, amounts in parts]
        why = f"exceeded quota: {quota['metadata']['name']}, {', '.join(texts)}"
        raise forbidden(resource, name_in(new), why)
    return Charge(quota, total)
