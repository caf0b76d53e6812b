"""Real here: the kernel, the object store, the cloud's models. Not real: the kubelets, played by `PaperMachines`, and the controllers of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from harness.clock import SECOND, Kernel, Outcome, Seeds, Timeline, format_time, parse_time
from harness.cloud.estate import ClusterSpec, NodeGroupSpec, Subnet, Taint
from harness.cloud.instances import Instances
from harness.cloud.market import Market
from harness.cloud.nodegroups import CloudNodeLifecycle, Drainer, Fleet, ModelledBoot, NodeGroups, graceful_shutdown
from harness.cloud.standin import MotoStandin
from harness.cloud.tempo import Tempo
from harness.cluster.store import Store
from harness.kube.controllers import Manager
from harness.kube.errors import NotFound
from harness.kube.events import Recorder
from harness.kube.objects import Object, name_of, new_object, with_condition
from harness.kube.resources import NAMESPACES, NODES, PODS

START_US = parse_time("2026-03-01T08:00:00Z")
CLUSTER = ClusterSpec(name="em-pipeline-dev", kubernetes_version="1.36")
SUBNETS = (
    Subnet("subnet-a", "us-east-1a", "10.40.0.0/24"),
    Subnet("subnet-b", "us-east-1b", "10.40.1.0/24"),
    Subnet("subnet-c", "us-east-1c", "10.40.2.0/24"),
)


def node_group(name: str = "small-loaders", **changes: Any) -> NodeGroupSpec:
    """A tainted and labelled spot group of t3.medium from zero to two nodes, unless told otherwise."""
    values: dict[str, Any] = {
        "name": name,
        "cluster": CLUSTER.name,
        "capacity_type": "SPOT",
        "instance_types": ("t3.medium", "t3.large"),
        "min_size": 0,
        "max_size": 2,
        "desired_size": 0,
        "labels": {"workload-type": name},
        "taints": (Taint("workload-type", name, "NoSchedule"),),
        "subnets": SUBNETS,
        **changes,
    }
    return NodeGroupSpec(**values)


@dataclass
class PaperMachines:
    """Kubelets on paper: a node is ready when its kubelet joins; one that left is noticed 50 s later, as the node lifecycle controller does."""

    kernel: Kernel
    store: Store
    log: list[tuple[int, str, str]] = field(default_factory=list)
    pod_end_s: int = 2  # how long pods take to end when the machine shuts down or they are deleted
    alive: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store.observe(PODS, self._end_deleted)

    def join(self, node_name: str) -> None:
        self._say("join", node_name)
        self.alive.append(node_name)
        self._set_ready(node_name, "True")
        node = self.store.get(NODES, None, node_name)
        assert node is not None
        taints = [taint for taint in node["spec"].get("taints") or () if "not-ready" not in taint["key"]]
        self.store.patch(NODES, None, node_name, {"spec": {"taints": taints}})

    def leave(self, node_name: str) -> None:
        self._say("leave", node_name)
        self.alive.remove(node_name)
        self.kernel.after(50 * SECOND, lambda: self._set_ready(node_name, "Unknown"))

    def shut_down(self, node_name: str, grace_s: int, critical_s: int) -> None:
        self._say(f"shut_down {grace_s} {critical_s}", node_name)
        self._set_ready(node_name, "False")
        for pod in self.store.by_index(PODS, "node", node_name):
            self.kernel.after(self.pod_end_s * SECOND, partial(self._fail, pod))

    def _say(self, what: str, node_name: str) -> None:
        self.log.append((self.kernel.now - START_US, what, node_name))

    def _set_ready(self, node_name: str, status: str) -> None:
        node = self.store.get(NODES, None, node_name)
        if node is None:
            return
        conditions = with_condition(
            node["status"].get("conditions") or (), {"type": "Ready", "status": status}, format_time(self.kernel.now)
        )
        self.store.patch(NODES, None, node_name, {"status": {"conditions": conditions}}, subresource="status")

    def _fail(self, pod: Object) -> None:
        if self.store.get(PODS, pod["metadata"]["namespace"], name_of(pod)) is not None:
            patch = {"status": {"phase": "Failed", "reason": "Terminated"}}
            self.store.patch(PODS, pod["metadata"]["namespace"], name_of(pod), patch, subresource="status")

    def _end_deleted(self, _change: str, pod: Object, old: Object | None) -> None:
        begins = "deletionTimestamp" in pod["metadata"] and (old is None or "deletionTimestamp" not in old["metadata"])
        if begins and pod["spec"].get("nodeName") in self.alive:
            self.kernel.after(self.pod_end_s * SECOND, lambda: self._remove(pod))

    def _remove(self, pod: Object) -> None:
        try:
            self.store.delete(PODS, pod["metadata"]["namespace"], name_of(pod), grace_period_s=0)
        except NotFound:
            return


@dataclass
class Cell:
    """A kernel, a store, and the cloud in between."""

    kernel: Kernel
    store: Store
    seeds: Seeds
    timeline: Timeline
    recorder: Recorder
    manager: Manager
    instances: Instances
    market: Market
    machines: PaperMachines
    fleet: Fleet
    drainer: Drainer
    groups: NodeGroups

    def run(self, duration_s: float) -> None:
        """Let time pass."""
        self.kernel.wait(lambda: False, round(duration_s * SECOND))

    def wait(self, condition: Callable[[], bool], timeout_s: float = 3600) -> int:
        """Let time pass until `condition`; seconds since the start."""
        assert self.kernel.wait(condition, round(timeout_s * SECOND)) is Outcome.MET
        return round((self.kernel.now - START_US) / SECOND)

    def call(self, function: Callable[[], Any]) -> Any:
        """On the kernel's thread."""
        return self.kernel.call(function)

    def nodes(self) -> list[Object]:
        return list(self.store.list(NODES))

    def ready_nodes(self) -> list[str]:
        return [
            name_of(node)
            for node in self.nodes()
            for condition in node["status"].get("conditions") or ()
            if condition["type"] == "Ready" and condition["status"] == "True"
        ]

    def seconds(self, at_us: int) -> float:
        return (at_us - START_US) / SECOND

    def node(self, name: str) -> Object:
        found = self.store.get(NODES, None, name)
        assert found is not None, name
        return found


MakeCell = Callable[..., Cell]


def pod_object(
    name: str, *, cpu: str = "500m", memory: str = "1Gi", pool: str | None = "small-loaders", **spec: Any
) -> dict[str, Any]:
    """A pod that asks for a pool as the rendered workloads do."""
    placement: dict[str, Any] = {}
    if pool is not None:
        placement = {
            "nodeSelector": {"workload-type": pool},
            "tolerations": [{"key": "workload-type", "operator": "Equal", "value": pool, "effect": "NoSchedule"}],
        }
    container = {"name": "main", "image": "x", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    return new_object(
        PODS, name, "em-pipeline", spec={"containers": [container], "restartPolicy": "Never", **placement, **spec}
    )


@pytest.fixture
def make_cell() -> Iterator[MakeCell]:
    """Cells with the node groups given; their kernels are closed at the end."""
    kernels: list[Kernel] = []

    def make(*specs: NodeGroupSpec, seed: int = 7, cluster: ClusterSpec = CLUSTER) -> Cell:
        kernel = Kernel(START_US)
        kernels.append(kernel)
        seeds, timeline = Seeds(seed), Timeline(lambda: kernel.now)
        store = Store(kernel, seeds)
        store.create(NAMESPACES, new_object(NAMESPACES, "em-pipeline"))
        recorder = Recorder(kernel, store, store, timeline, "test")
        manager = Manager(kernel, store)
        instances = Instances(kernel, seeds, timeline, region="us-east-1")
        market = Market(seeds, "us-east-1")
        machines = PaperMachines(kernel, store)
        fleet = Fleet(
            kernel=kernel,
            reader=store,
            seeds=seeds,
            instances=instances,
            machines=machines,
            boot=ModelledBoot(
                kernel=kernel,
                reader=store,
                writer=store,
                seeds=seeds,
                machines=machines,
                cluster=cluster,
                region="us-east-1",
            ),
            shutdown=graceful_shutdown(cluster.kubernetes_version),
            tempo=Tempo(),
        )
        drainer = Drainer(kernel, store, store)
        groups = NodeGroups(kernel=kernel, timeline=timeline, fleet=fleet, market=market, drainer=drainer, specs=specs)
        manager.add(CloudNodeLifecycle(kernel, store, store, recorder, instances))
        kernel.start()
        return Cell(
            kernel, store, seeds, timeline, recorder, manager, instances, market, machines, fleet, drainer, groups
        )

    yield make
    for kernel in kernels:
        kernel.close()


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoStandin]:
    """One moto for the session; tests reset it."""
    with MotoStandin() as standin:
        yield standin
