"""10,000 pods on 1,000 nodes: created, scheduled, run by modelled kubelets and finished; and what the scheduler costs a pod. And 5,000 pods that nothing
can take.

The limit of the whole run is the store alone, writing what such a run writes (a pod, its binding, five states, three events) for as many pods in the
same process: the ratio says what controllers, scheduler and kubelets add. Ends with 1 when the whole run takes 15 s or more. `python -m
benchmarks.scheduler_10k [PODS [NODES]]`
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.embedded import open_cluster
from harness.clock import HOUR, Kernel, Outcome, Seeds, Timeline
from harness.cluster.kubelet.runtimes.profiles import FixedProfile
from harness.cluster.scheduler import Scheduler
from harness.cluster.store import Store
from harness.kube.controllers import Manager
from harness.kube.events import Recorder
from harness.kube.objects import new_object
from harness.kube.resources import EVENTS, JOBS, NODES, PODS

LIMIT_S = 15.0
RUNS_FOR_S = 30.0
_ZONES = 3


def node(number: int) -> dict[str, Any]:
    """A node of 32 cores in one of three zones."""
    name = f"node-{number}"
    amounts = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{number % _ZONES}"}
    conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
    status = {"capacity": amounts, "allocatable": amounts, "conditions": conditions}
    return new_object(NODES, name, labels=labels, spec={}, status=status)


def pod_spec(cpu: str = "900m") -> dict[str, Any]:
    """One container that asks for something."""
    requests = {"cpu": cpu, "memory": "1Gi"}
    return {
        "containers": [{"name": "work", "image": "example.com/work:1", "resources": {"requests": requests}}],
        "restartPolicy": "Never",
    }


class Bare:
    """Kernel, store and scheduler alone."""

    def __init__(self, nodes: int) -> None:
        self.kernel = Kernel(0)
        self.store = Store(self.kernel, Seeds(1))
        timeline = Timeline(lambda: self.kernel.now)
        recorder = Recorder(self.kernel, self.store, self.store, timeline, "bench")
        self.manager = Manager(self.kernel, self.store)
        self.manager.add(Scheduler(self.kernel, self.store, self.store, recorder, Seeds(1)))
        self.kernel.start()
        self.kernel.call(lambda: self.add_nodes(nodes))

    def add_nodes(self, count: int) -> None:
        """Nodes that are ready."""
        for number in range(count):
            self.add_node(number)

    def add_node(self, number: int) -> None:
        """A node that is ready."""
        self.store.create(NODES, node(number))
        self.store.patch(NODES, None, f"node-{number}", {"spec": {"taints": None}})

    def create_pods(self, count: int, cpu: str = "900m") -> None:
        """Pods that wait for the scheduler."""
        for number in range(count):
            self.store.create(PODS, new_object(PODS, f"pod-{number}", "default", spec=pod_spec(cpu)))

    def settle(self) -> float:
        """Wall seconds until nothing is left to do at this moment."""
        moment = self.kernel.now + 1
        began_s = time.perf_counter()
        self.kernel.call(lambda: self.kernel.at(moment, lambda: None, priority=1000))
        self.kernel.wait(lambda: self.kernel.now >= moment, HOUR)
        return time.perf_counter() - began_s

    def placed(self) -> int:
        """Pods that have a node."""
        return self.kernel.call(lambda: sum("nodeName" in pod["spec"] for pod in self.store.list(PODS)))


def scheduling_s(pods: int, nodes: int) -> float:
    """Wall seconds that the scheduler takes for all pods, their bindings and events included."""
    bare = Bare(nodes)
    try:
        bare.kernel.call(lambda: bare.create_pods(pods))
        taken_s = bare.settle()
        if bare.placed() != pods:
            raise RuntimeError(f"{bare.placed()} of {pods} pods have a node")
        return taken_s
    finally:
        bare.kernel.close()


def hopeless_s(pods: int, nodes: int) -> tuple[float, float]:
    """Wall seconds to refuse pods that are too large for every node, and for what follows when one node is added that is too small as well."""
    bare = Bare(nodes)
    try:
        bare.kernel.call(lambda: bare.create_pods(pods, cpu="64"))
        refused_s = bare.settle()
        bare.kernel.call(lambda: bare.add_node(nodes))
        return refused_s, bare.settle()
    finally:
        bare.kernel.close()


def writing_s(pods: int) -> float:
    """Wall seconds of the store alone for what a run writes."""
    kernel = Kernel(0)
    store = Store(kernel, Seeds(1))

    def write() -> None:
        for number in range(pods):
            name = f"pod-{number}"
            store.create(PODS, new_object(PODS, name, "default", spec=pod_spec()))
            store.bind("default", name, "node-0")
            for step in range(5):
                store.patch(PODS, "default", name, {"status": {"message": f"step {step}"}}, subresource="status")
            for event in range(3):
                involved = {"kind": "Pod", "name": name, "namespace": "default"}
                store.create(EVENTS, new_object(EVENTS, f"{name}.{event}", "default", involvedObject=involved))

    began_s = time.perf_counter()
    write()
    return time.perf_counter() - began_s


def whole_run_s(pods: int, nodes: int) -> float:
    """Wall seconds of one Job with that many pods at once, in virtual time, from its creation to its condition Complete."""
    with tempfile.TemporaryDirectory(prefix="scheduler-10k-") as directory:
        kernel, cluster = open_cluster(Path(directory), pace=None, profile=FixedProfile("work", RUNS_FOR_S))
        store = cluster.store
        try:

            def begin() -> None:
                for number in range(nodes):
                    store.create(NODES, node(number))
                    cluster.kubelets.join(f"node-{number}")

            kernel.call(begin)
            if kernel.wait(lambda: all(_is_free(entry) for entry in store.list(NODES)), HOUR) is not Outcome.MET:
                raise RuntimeError("the nodes did not become ready")
            job = new_object(
                JOBS,
                "work",
                "default",
                spec={"parallelism": pods, "completions": pods, "template": {"spec": pod_spec()}},
            )
            began_s = time.perf_counter()
            kernel.call(lambda: store.create(JOBS, job))

            def succeeded() -> bool:
                found = store.get(JOBS, "default", "work")
                return found is not None and (found.get("status") or {}).get("succeeded") == pods

            if kernel.wait(succeeded, 24 * HOUR) is not Outcome.MET:
                raise RuntimeError("the Job did not succeed")
            return time.perf_counter() - began_s
        finally:
            cluster.close()
            kernel.close()


def _is_free(entry: Any) -> bool:
    return not entry["spec"].get("taints")


def told(name: str, measure: Callable[[], float]) -> float:
    """Measure, print, and give the seconds."""
    taken_s = measure()
    print(f"{name}: {taken_s:.2f} s", flush=True)
    return taken_s


def main(arguments: list[str]) -> int:
    """Print the figures; 1 when the limit is missed."""
    pods = int(arguments[0]) if arguments else 10_000
    nodes = int(arguments[1]) if len(arguments) > 1 else 1_000
    limit_s = told(f"store alone, the writes of {pods} pods", lambda: writing_s(pods))
    taken_s = told(f"scheduling {pods} pods on {nodes} nodes", lambda: scheduling_s(pods, nodes))
    print(f"  {taken_s / pods * 1000:.3f} ms a pod, {taken_s / limit_s:.2f} of the store's writes")
    refused_s, woken_s = hopeless_s(pods // 2, nodes)
    print(
        f"{pods // 2} pods that fit nowhere: refused in {refused_s:.2f} s; a node that does not help: {woken_s * 1000:.1f} ms"
    )
    whole_s = told(f"a Job of {pods} pods on {nodes} nodes, created to finished", lambda: whole_run_s(pods, nodes))
    print(f"  {whole_s / limit_s:.2f} of the store's writes, limit {LIMIT_S:g} s")
    return 0 if whole_s < LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
