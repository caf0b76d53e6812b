"""Objects for scheduler tests, a bare scheduling cycle, and a cluster with the real kernel, store and scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from harness.clock import HOUR, SECOND, Kernel, Outcome, Seeds, Timeline, parse_time
from harness.cluster.scheduler import QueueSettings, Scheduler
from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.cycle import Cycle
from harness.cluster.scheduler.podinfo import PodInfo, pod_info
from harness.cluster.scheduler.profile import default_profile
from harness.cluster.scheduler.volumes import Volumes
from harness.cluster.store import Store
from harness.kube.controllers import Manager
from harness.kube.events import Recorder
from harness.kube.objects import Object, condition, new_object
from harness.kube.resources import NODES, PODS, Resource
from harness.kube.selectors import Selector
from harness.kube.snapshot import Snapshot

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


def node(
    name: str = "n",
    *,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    images: Mapping[str, int] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": memory, "pods": pods, "ephemeral-storage": "20Gi"}
    status: dict[str, Any] = {"capacity": amounts, "allocatable": amounts}
    if images:
        status["images"] = [{"names": [image], "sizeBytes": size} for image, size in images.items()]
    body = {**spec, **({"taints": [dict(taint) for taint in taints]} if taints else {})}
    return new_object(NODES, name, labels={HOSTNAME: name, **(labels or {})}, spec=body, status=status)


def pod(
    name: str = "p",
    *,
    requests: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    ports: Sequence[Mapping[str, Any]] = (),
    namespace: str = "default",
    **spec: Any,
) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "image": spec.pop("image", "pause")}
    if requests:
        container["resources"] = {"requests": dict(requests)}
    if ports:
        container["ports"] = [dict(port) for port in ports]
    return new_object(PODS, name, namespace, labels=labels, spec={"containers": [container], **spec})


def cluster(nodes: Iterable[Object], placed: Mapping[str, Sequence[Object]] | None = None) -> Cluster:
    found = Cluster()
    for entry in nodes:
        found.set_node(entry)
    for name, pods in (placed or {}).items():
        for entry in pods:
            found.set_pod(pod_info(entry), name)
    return found


def info(entry: Object, *placed: Object) -> NodeInfo:
    """One node with pods on it."""
    name = entry["metadata"]["name"]
    found = cluster([entry], {name: placed}).get(name)
    assert found is not None
    return found


def cycle(
    found: Cluster, *, caching: bool = True, default_selector: Callable[[PodInfo], Selector | None] = lambda _: None
) -> Cycle:
    return Cycle(default_profile(Volumes(Snapshot()), default_selector), found, caching=caching)


class World:
    """The scheduler on a real store; virtual time."""

    def __init__(self, seed: int = 1, settings: QueueSettings | None = None) -> None:
        self.kernel = Kernel(parse_time("2026-03-01T08:00:00Z"))
        self.store = Store(self.kernel, Seeds(seed))
        self.timeline = Timeline(lambda: self.kernel.now)
        recorder = Recorder(self.kernel, self.store, self.store, self.timeline, "test")
        self.manager = Manager(self.kernel, self.store)
        self.scheduler = Scheduler(self.kernel, self.store, self.store, recorder, Seeds(seed), settings)
        self.manager.add(self.scheduler)

    def create(self, resource: Resource, *objects: Mapping[str, Any]) -> None:
        for obj in objects:
            if (
                resource == NODES
            ):  # ready, because no node controller runs here that would take the taint of new nodes away
                ready = {"conditions": [{"type": "Ready", "status": "True"}]}
                obj = {**obj, "status": {**ready, **(obj.get("status") or {})}}  # noqa: PLW2901
            self.kernel.call(partial(self.store.create, resource, obj))
            if (
                resource is NODES
            ):  # the taint of a node that is not ready yet is the node lifecycle controller's to take away
                taints = obj["spec"].get("taints")
                self.change(NODES, obj["metadata"]["name"], {"spec": {"taints": taints}})

    def change(self, resource: Resource, name: str, patch: Any, subresource: str = "") -> None:
        namespace = "default" if resource.namespaced else None
        self.kernel.call(lambda: self.store.patch(resource, namespace, name, patch, subresource=subresource))

    def delete(self, resource: Resource, name: str) -> None:
        namespace = "default" if resource.namespaced else None
        self.kernel.call(lambda: self.store.delete(resource, namespace, name, grace_period_s=0))

    def settle(self, at_s: float = 0) -> None:
        moment = self.kernel.start_us + round(at_s * SECOND)
        self.kernel.call(lambda: self.kernel.at(moment, lambda: None, priority=1000))
        assert self.kernel.wait(lambda: self.kernel.now >= moment, HOUR) is Outcome.MET

    def where(self, name: str) -> str | None:
        found = self.store.get(PODS, "default", name)
        assert found is not None
        node_name: str | None = found["spec"].get("nodeName")
        return node_name

    def message(self, name: str) -> str:
        found = self.store.get(PODS, "default", name)
        assert found is not None
        return str((condition(found, "PodScheduled") or {}).get("message"))

    def attempts(self, name: str) -> list[float]:
        """When the pod was refused, in seconds."""
        records = [
            record for record in self.timeline.of_kind("FailedScheduling") if record.subject.endswith(f"/{name}")
        ]
        return [(record.at_us - self.kernel.start_us) / SECOND for record in records]
