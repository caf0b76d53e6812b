"""The entries that the control plane's components leave on objects: names, operations, subresources and parts as on a 1.34 control plane (no kubelet).

Not compared: Jobs, whose labels upstream nobody owns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.clock import SECOND, Kernel, Seeds, Timeline, parse_time
from harness.cluster.cluster import EmbeddedCluster
from harness.cluster.store import Store
from harness.kube.resources import DEPLOYMENTS, JOBS, PODS, REPLICA_SETS, Resource

START_US = parse_time("2026-03-01T08:00:00Z")
TEMPLATE: dict[str, dict[str, Any]] = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
ONCE = {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
LARGE = {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "9999"}}}]}
KCM = "kube-controller-manager"
Entry = tuple[str, str, str, tuple[str, ...]]


def entries(store: Store, resource: Resource, name: str = "") -> list[Entry]:
    (stored,) = [one for one in store.stored_list(resource) if one.obj["metadata"]["name"].startswith(name)]
    return sorted(
        (
            manager.name,
            manager.operation,
            manager.subresource,
            tuple(sorted({path[0] for path in entry.fields.paths()})),
        )
        for manager, entry in stored.managed().items()
    )


@pytest.mark.slow
def test_given_workloads_then_components_own_what_they_own_upstream(tmp_path: Path) -> None:
    kernel = Kernel(START_US)
    cluster = EmbeddedCluster(kernel, Seeds(7), Timeline(lambda: kernel.now), tmp_path, version="1.34")
    store, mine = cluster.store, ("me", "Update", "", ("f:spec",))

    def make(resource: Resource, name: str, spec: dict[str, Any]) -> None:
        store.create(resource, {"metadata": {"name": name, "namespace": "default"}, "spec": spec}, manager="me")

    def begin() -> None:
        cluster.start_control_plane()
        make(DEPLOYMENTS, "d", {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE})
        make(JOBS, "j", {"template": ONCE})
        make(PODS, "big", LARGE)

    kernel.start()
    kernel.call(begin)
    kernel.wait(lambda: kernel.now >= START_US + 9 * SECOND, 10 * SECOND)
    found = kernel.call(
        lambda: {
            name: entries(store, resource, name)
            for name, resource in (("d", DEPLOYMENTS), ("d-", REPLICA_SETS), ("big", PODS), ("j-", PODS))
        }
    )
    kernel.close()
    status, made = (KCM, "Update", "status", ("f:status",)), (KCM, "Update", "", ("f:metadata", "f:spec"))
    unschedulable = ("kube-scheduler", "Update", "status", ("f:status",))
    revision = (KCM, "Update", "status", ("f:metadata", "f:status"))
    assert found == {
        "d": [revision, mine],
        "d-": [made, status],
        "big": [unschedulable, mine],
        "j-": [made, unschedulable],
    }
