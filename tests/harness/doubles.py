"""Stand-ins for what a world is made of: a shelf of objects, hands that remember, and a small backend over the real kernel and store."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.clock import Kernel, Seeds, Timeline, parse_time
from harness.cluster.store import Store
from harness.kube.client import Change, Observer
from harness.kube.objects import Object, freeze, key_of, split_key
from harness.kube.resources import Resource
from harness.targets.base import Charge, Settings, TakenInstance, Truth
from harness.targets.project import Project

START = parse_time("2026-03-01T08:00:00Z")


def named(key: str, **body: Any) -> dict[str, Any]:
    """An object by `namespace/name`."""
    namespace, name = split_key(key)
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"metadata": metadata | body.pop("metadata", {}), **body}


def status_condition(kind: str, status: str = "True") -> dict[str, Any]:
    """A status with one condition."""
    return {"conditions": [{"type": kind, "status": status}]}


class Shelf:
    """A Reader over what a test puts there, whatever the API would say of it."""

    def __init__(self) -> None:
        self._objects: dict[Resource, dict[str, Object]] = {}
        self._observers: dict[Resource, list[Observer]] = {}

    def put(self, resource: Resource, obj: Mapping[str, Any]) -> None:
        """Add or change an object, and tell the observers."""
        stored: Object = freeze(obj)
        old = self._objects.setdefault(resource, {}).get(key_of(obj))
        self._objects[resource][key_of(obj)] = stored
        self._tell(resource, "ADDED" if old is None else "MODIFIED", stored, old)

    def remove(self, resource: Resource, key: str) -> None:
        """Take an object away, and tell the observers."""
        self._tell(resource, "DELETED", self._objects[resource].pop(key), None)

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        return self._objects.get(resource, {}).get(f"{namespace}/{name}" if namespace else name)

    def list(self, resource: Resource, namespace: str | None = None, selector: Any = None) -> Sequence[Object]:
        found = self._objects.get(resource, {})
        return [found[key] for key in sorted(found) if namespace is None or split_key(key)[0] == namespace]

    def observe(self, resource: Resource, observer: Observer) -> None:
        for obj in self.list(resource):
            observer("ADDED", obj, None)
        self._observers.setdefault(resource, []).append(observer)

    def add_index(self, resource: Resource, index: str, function: Any) -> None:
        raise AssertionError("no test of this shelf uses an index")

    def by_index(self, resource: Resource, index: str, key: str) -> Sequence[Object]:
        raise AssertionError("no test of this shelf uses an index")

    def _tell(self, resource: Resource, change: Change, obj: Object, old: Object | None) -> None:
        for observer in self._observers.get(resource, ()):
            observer(change, obj, old)


WORKFLOW: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "em-pipeline-", "namespace": "em-pipeline"},
    "spec": {
        "arguments": {
            "parameters": [{"name": "chunk-size-mb", "value": "64"}, {"name": "image-tag", "value": "0.1.0"}]
        },
    },
}
JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "idr-", "namespace": "em-pipeline"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [
                    {
                        "name": "main",
                        "image": "registry/em-pipeline-idr:0.1.0",
                        "env": [{"name": "MAX_WORKERS", "value": "1"}, {"name": "EM_DATA_DIR", "value": "/app/data"}],
                    }
                ],
            }
        }
    },
}
MANIFESTS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "platform": {
        "00-namespaces.yaml": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "em-pipeline"}}],
        "40-cluster-autoscaler.yaml": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "cluster-autoscaler", "namespace": "em-pipeline"},
                "data": {"scan-interval": "10s"},
            }
        ],
    },
    "workloads": {"jobs/idr.yaml": [JOB], "workflow.yaml": [WORKFLOW]},
}


class FakeBackend:
    """A backend without machines or AWS: the real kernel and store, and a memory of what it was asked."""

    def __init__(self, project: Project, settings: Settings) -> None:
        self.project = project
        self.settings = settings
        self.kernel = Kernel(START, wall_limit_s=5)
        self.timeline = Timeline(lambda: self.kernel.now)
        self.reader = self.writer = Store(self.kernel, Seeds(settings.seed))
        self.outputs: Mapping[str, str] = {}
        self.state_dir = Path(tempfile.gettempdir())
        self.asked: list[tuple[Any, ...]] = []
        self.logs: dict[str, str] = {}
        self.armed: list[str] = []
        self.kernel.start()

    def manifests(self, group: str) -> Mapping[str, Sequence[dict[str, Any]]]:
        return MANIFESTS[group]

    def publish_images(self, tag: str) -> list[str]:
        self.asked.append(("publish_images", tag))
        return [f"registry/em-pipeline-idr:{tag}"]

    def withdraw_image(self, service: str, tag: str) -> None:
        self.asked.append(("withdraw_image", service, tag))

    def workflows_established(self) -> None:
        self.asked.append(("workflows_established",))

    def node_groups(self) -> Sequence[Object]:
        return []

    def sink_objects(self) -> dict[str, bytes]:
        return {}

    def sink_url(self) -> str:
        return "s3://bucket"

    def shared_directory(self) -> Path:
        return self.state_dir

    def truth(self, source: str, attributes: Mapping[str, Any]) -> Truth:
        return lambda start, stop: np.zeros([high - low for low, high in zip(start, stop, strict=True)], "uint8")

    def archive_requests(self) -> Sequence[Any]:
        return []

    def pod_log(self, namespace: str, pod: str, container: str) -> str:
        return self.logs.get(f"{namespace}/{pod}/{container}", "")

    @property
    def faults(self) -> FakeBackend:
        return self

    def bill(self) -> Sequence[Charge]:
        return []

    def stored_objects(self) -> Sequence[tuple[str, str]]:
        return []

    def taken_instances(self) -> Sequence[TakenInstance]:
        return []

    def coverage(self) -> dict[str, Any]:
        return {"counts": {}, "resources": []}

    def serve_kubernetes(self, kubeconfig: Path) -> str:
        raise AssertionError("no test serves this backend")

    def reclaim_spot(self, node: str, *, notice_s: int, rebalance_lead_s: int | None) -> None:
        self.asked.append(("reclaim_spot", node, notice_s, rebalance_lead_s))

    def kill_node(self, node: str) -> None:
        self.asked.append(("kill_node", node))

    def drain_node(self, node: str) -> None:
        self.asked.append(("drain_node", node))

    def fail_calls(self, operation: str, pod: str, target: str, first: int, times: int, verdict: str) -> None:
        self.asked.append(("fail_calls", operation, pod, target, first, times, verdict))

    @property
    def unsupported(self) -> Mapping[str, str]:
        return {}

    def lose_zone(self, zone: str, *, for_s: float | None) -> None:
        self.asked.append(("lose_zone", zone, for_s))

    def refuse_capacity(self, code: str, *, instance_type: str, zone: str, capacity_type: str, for_s: float) -> None:
        self.asked.append(("refuse_capacity", code, instance_type, zone, capacity_type, for_s))

    def cut_network(self, pod: str, archives: Sequence[str], *, mode: str, for_s: float) -> None:
        self.asked.append(("cut_network", pod, tuple(archives), mode, for_s))

    def fill_disk(self, volume: str, *, leaving_bytes: int, for_s: float) -> None:
        self.asked.append(("fill_disk", volume, leaving_bytes, for_s))

    def unfired_rules(self) -> Sequence[str]:
        return self.armed

    def close(self) -> None:
        self.kernel.close()


class FakeTarget:
    """Opens fake backends; `capabilities` are those that the test names."""

    name = "fake"

    def __init__(self, *capabilities: str) -> None:
        self.capabilities: frozenset[Any] = frozenset(capabilities)
        self.one_at_a_time = False
        self.opened: list[FakeBackend] = []

    def require(self) -> None:
        return

    def open(self, project: Project, settings: Settings) -> FakeBackend:
        self.opened.append(FakeBackend(project, settings))
        return self.opened[-1]
