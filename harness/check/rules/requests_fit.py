"""A pod that asks for more than a node has to give: a 4 GiB instance has no 4 GiB for pods.

A pod fits when one group that it can run on has room for it on every instance type, because the group may launch any of them. What a LimitRange gives to
containers that ask for nothing has to fit every group.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from fixtures.facts import UnknownFact
from harness.check.capacity import MIB, room_on
from harness.check.finding import Finding
from harness.check.manifests import Manifest, Requests, requests_of
from harness.check.model import Plan
from harness.check.placement import can_run_on
from harness.check.templates import NodeGroup

NAME = "request-does-not-fit"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    yield from _unknown_types(plan)
    for pod in plan.pods:
        if pod.kind == "DaemonSet":
            continue
        for groups in plan.clusters.values():
            candidates = [group for group in groups if can_run_on(pod, group)]
            refusals = [_refusal(plan, group, pod.requests) for group in candidates]
            if candidates and all(refusals):
                yield Finding(pod.place, NAME, f"{refusals[0]}: ask for less, or give the group larger types only")
                break
    for manifest in plan.of_kind("LimitRange"):
        yield from _defaults(plan, manifest)


def _refusal(plan: Plan, group: NodeGroup, requests: Requests) -> str | None:
    for name in group.instance_types:
        try:
            room = room_on(plan, group, name)
        except UnknownFact:
            continue  # said once, at the group
        if not room.holds(requests):
            asked = f"{requests.cpu_m}m cpu and {requests.memory_bytes // MIB}Mi"
            return f"asks for {asked}, a {name} of {group.logical_id} leaves {room} for pods"
    return None


def _defaults(plan: Plan, manifest: Manifest) -> Iterator[Finding]:
    for limit in manifest.spec.get("limits") or ():
        if limit.get("type") != "Container":
            continue
        requests = requests_of({"limits": limit.get("default"), "requests": limit.get("defaultRequest")})
        for group in plan.node_groups:
            refusal = _refusal(plan, group, requests)
            if refusal is not None:
                yield Finding(
                    manifest.place,
                    NAME,
                    f"a container without requests {refusal}: lower the default, or have every container ask",
                )
                break


def _unknown_types(plan: Plan) -> Iterator[Finding]:
    for group in plan.node_groups:
        for name in group.instance_types:
            try:
                room_on(plan, group, name)
            except UnknownFact as error:
                yield Finding(group.place, NAME, f"what a {name} leaves for pods is not known: {error}")
