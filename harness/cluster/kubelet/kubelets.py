"""The kubelets of all nodes, played by one object.

Pods of nodes that have joined get a `PodWorker` each; everything else is left alone, as nobody is there to act.
`leave` is the sudden end of a machine: its processes are killed and nothing is written but the lease as its last
renewal left it. `shut_down` is the graceful node shutdown of kubernetes 1.34 (`pkg/kubelet/nodeshutdown`): first all
pods but the critical ones, then those. Ephemeral containers, in-place resizing and pressure on disk or process ids are
not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.clock import SECOND, Kernel
from harness.cluster.kubelet.addresses import Addresses
from harness.cluster.kubelet.evictions import Evictions
from harness.cluster.kubelet.logs import Logs
from harness.cluster.kubelet.node import KubeletNode, NodeStatus
from harness.cluster.kubelet.pulls import pull_model
from harness.cluster.kubelet.starter import Starter
from harness.cluster.kubelet.status import Verdict
from harness.cluster.kubelet.volumes import Volumes
from harness.cluster.kubelet.worker import PodWorker
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.hooks import Hooks, Image
from harness.kube.metrics import Usage
from harness.kube.objects import Object, key_of, name_of, split_key, uid_of
from harness.kube.resources import NODES, PODS

SHUTDOWN = Verdict("Terminated", "Pod was terminated in response to imminent node shutdown.", disruption=True)
_SYSTEM_CRITICAL = 2_000_000_000


class Kubelets:
    """The controller `kubelet`, of Kubernetes `version` (e.g. `v1.36.0`). All methods belong to the kernel's thread."""

    name = "kubelet"

    def __init__(
        self,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        hooks: Hooks,
        state_dir: Path,
        *,
        version: str,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._logs = Logs(state_dir / "logs")
        self._nodes: dict[str, KubeletNode] = {}
        self._workers: dict[str, dict[str, PodWorker]] = {}  # by the node's name, then by the pod's uid
        self._by_key: dict[str, PodWorker] = {}  # the latest of a name
        self._addresses = Addresses()
        named = recorder.named(self.name)
        self._status = NodeStatus(kernel, reader, writer, named, version)
        self._tools = Starter(
            kernel=kernel,
            reader=reader,
            writer=writer,
            recorder=named,
            hooks=hooks,
            volumes=Volumes(reader, hooks.volumes, state_dir / "pods"),
            logs=self._logs,
            addresses=self._addresses,
            pulls=pull_model(),
            nodes=self._status,
        )
        self._evictions = Evictions(kernel, reader, named, self._status, self._on)

    def watches(self) -> Sequence[Watch]:
        """Pods."""
        return (Watch(PODS),)

    def reconcile(self, key: str) -> int | None:
        """Give a pod of one of our nodes its worker, and let that look; it sets its own timers."""
        namespace, name = split_key(key)
        pod = self._reader.get(PODS, namespace, name)
        worker = self._by_key.get(key)
        if worker is not None and (pod is None or uid_of(pod) != worker.uid):
            worker.abandon()
            self._by_key.pop(key, None)
            worker = None
        if pod is None:
            return None
        if worker is None:
            node = self._nodes.get(pod["spec"].get("nodeName") or "")
            if node is None:
                return None
            worker = PodWorker(
                self._kernel, self._tools, node, pod, self._neighbours, self._idle, self._evictions.changed
            )
            self._workers.setdefault(node.name, {})[worker.uid] = worker
            self._by_key[key] = worker
        elif pod is worker.pod:
            return None  # its own write: it has looked since
        worker.sync()
        return None

    def join(self, node_name: str, images: Sequence[Image] = ()) -> None:
        """The kubelet of a registered node begins: Ready from now on, its pods get started. `images` are on its disk already.

        Raises ValueError when there is no such Node object or it has joined already.
        """
        if node_name in self._nodes:
            raise ValueError(f"the kubelet of node {node_name} lives already: let it leave before it joins again")
        found = self._reader.get(NODES, None, node_name)
        address = self._status.address_of(found) if found is not None else None
        node = KubeletNode(node_name, address or self._addresses.node(node_name), self._kernel.now)
        node.images.present |= {image.reference: image for image in images}
        self._status.joined(node)
        self._nodes[node_name] = node
        for pod in self._reader.by_index(PODS, "node", node_name):
            self.reconcile(key_of(pod))

    def leave(self, node_name: str) -> None:
        """The machine is gone. Harmless when it never joined."""
        node = self._nodes.pop(node_name, None)
        if node is None:
            return
        node.gone = True
        for worker in self._on(node_name):
            worker.lose_machine()
            if self._by_key.get(worker.key) is worker:
                del self._by_key[worker.key]
        self._status.died(node)

    def shut_down(self, node_name: str, grace_s: int, critical_s: int) -> None:
        """The machine is about to go: end its pods within `grace_s`, the last `critical_s` of which belong to critical pods alone."""
        node = self._nodes.get(node_name)
        if node is None or node.shutting_down:
            return
        node.shutting_down = True
        node.critical_s = critical_s
        self._status.shutting_down(node)
        for worker in self._on(node_name):
            if not _is_critical(worker.pod):
                worker.end(grace_s - critical_s, SHUTDOWN)
        self._end_critical_pods(node, force=False)
        self._kernel.after((grace_s - critical_s) * SECOND, lambda: self._end_critical_pods(node, force=True))

    def log_path(self, namespace: str, pod: str, container: str, previous: bool = False) -> Path | None:
        """The output of a container's latest run, or of the one before; None when there was no such run."""
        return self._logs.find(namespace, pod, container, previous=previous)

    def containers(self, pod: Object) -> Mapping[str, Usage] | None:
        """What each running container of a pod uses (harness.kube.metrics.UsageMeter)."""
        worker = self._by_key.get(key_of(pod))
        return None if worker is None or worker.uid != uid_of(pod) else worker.usage() or None

    def node(self, node: Object) -> Usage | None:
        """What the pods of a node use together (harness.kube.metrics.UsageMeter)."""
        if name_of(node) not in self._nodes:
            return None
        usages = [usage for worker in self._on(name_of(node)) for usage in worker.usage().values()]
        return Usage(sum(usage.cpu_nanocores for usage in usages), sum(usage.memory_bytes for usage in usages))

    def _on(self, node_name: str) -> list[PodWorker]:
        return [worker for worker in self._workers.get(node_name, {}).values() if not worker.dropped]

    def _is_alone(self, node_name: str) -> bool:
        """Whether no ordinary pod is left on a node that shuts down."""
        return all(worker.stopped or _is_critical(worker.pod) for worker in self._on(node_name))

    def _end_critical_pods(self, node: KubeletNode, *, force: bool) -> None:
        """The second half of a shutdown: once the ordinary pods have ended, or (`force`) their time is up."""
        critical_s = node.critical_s
        if critical_s is None or self._nodes.get(node.name) is not node or not (force or self._is_alone(node.name)):
            return
        node.critical_s = None
        for worker in self._on(node.name):
            worker.end(critical_s, SHUTDOWN)

    def _neighbours(self, worker: PodWorker) -> list[Mapping[str, int]]:
        """What the other pods that take up room on a worker's node ask for."""
        return [other.request for other in self._on(worker.node.name) if other is not worker and other.admitted]

    def _idle(self, worker: PodWorker) -> None:
        """Nothing of a worker's pod runs any more."""
        self._tools.forget(worker.uid)
        if worker.dropped:
            self._workers[worker.node.name].pop(worker.uid, None)
            if self._by_key.get(worker.key) is worker:
                del self._by_key[worker.key]
        self._end_critical_pods(worker.node, force=False)


def _is_critical(pod: Object) -> bool:
    name = pod["spec"].get("priorityClassName") or ""
    return name.startswith("system-") or int(pod["spec"].get("priority") or 0) >= _SYSTEM_CRITICAL
