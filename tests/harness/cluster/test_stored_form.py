"""What is stored is what Go would write: a write takes what equals the stored value from there without looking at it again, so nothing else may be stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.embedded import open_cluster
from benchmarks.scheduler_10k import node
from harness.clock import HOUR, Outcome
from harness.cluster.cluster import EmbeddedCluster
from harness.cluster.kubelet.runtimes.profiles import FixedProfile
from harness.cluster.store.types import decode, message_of
from harness.kube.errors import TooManyRequests
from harness.kube.objects import new_object
from harness.kube.resources import (
    BUILT_IN,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    PRIORITY_CLASSES,
    RESOURCE_QUOTAS,
    SERVICES,
    STATEFUL_SETS,
)

LABELS = {"app": "web"}


def _pod(cpu: str = "1", **more: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "example.com/c:1", "resources": {"requests": {"cpu": cpu}}}
    return {"containers": [container], **more}


def _controlled(cpu: str = "1") -> dict[str, Any]:
    return {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": _pod(cpu)}}


def _workloads(cluster: EmbeddedCluster) -> None:
    store = cluster.store

    def create(resource: Any, name: str, **body: Any) -> None:
        store.create(resource, new_object(resource, name, "default" if resource.namespaced else None, **body))

    create(PRIORITY_CLASSES, "high", value=1000)
    create(RESOURCE_QUOTAS, "quota", spec={"hard": {"pods": "100", "requests.cpu": "5k"}})
    create(SERVICES, "web", spec={"selector": LABELS, "ports": [{"port": 80}]})
    create(DEPLOYMENTS, "web", spec={"replicas": 3, **_controlled()})
    create(STATEFUL_SETS, "state", spec={"replicas": 2, "serviceName": "web", **_controlled("500m")})
    create(DAEMON_SETS, "agent", spec=_controlled("100m"))
    create(POD_DISRUPTION_BUDGETS, "web", spec={"minAvailable": 1, "selector": {"matchLabels": LABELS}})
    template = {"spec": _pod("2", restartPolicy="Never")}
    create(JOBS, "batch", spec={"completions": 3, "parallelism": 2, "completionMode": "Indexed", "template": template})
    create(CRON_JOBS, "often", spec={"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": template}}})
    create(PODS, "gated", spec=_pod(schedulingGates=[{"name": "example.com/gate"}]))
    create(PODS, "too-large", spec=_pod("1000"))
    create(PODS, "first", spec=_pod("28"))
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    create(PERSISTENT_VOLUME_CLAIMS, "claim", spec=claim)


def test_given_a_life_of_many_workloads_then_everything_stored_equals_what_decoding_makes_of_it(tmp_path: Path) -> None:
    kernel, cluster = open_cluster(tmp_path, pace=None, profile=FixedProfile("work", 400.0))
    store = cluster.store
    seen: dict[str, int] = {}
    wrong: list[str] = []

    def look(change: str, obj: Any, _old: Any) -> None:
        resource = by_kind[obj["kind"]]
        message = message_of(resource)
        seen[obj["kind"]] = seen.get(obj["kind"], 0) + 1
        unknown: list[str] = []
        if message is not None and (decode(message, obj, unknown) != obj or unknown):
            wrong.append(f"{change} {obj['kind']} {obj['metadata']['name']}: unknown {unknown}\n  {obj}")

    by_kind = {resource.kind: resource for resource in BUILT_IN}
    try:

        def begin() -> None:
            for resource in BUILT_IN:
                store.observe(resource, look)
            for number in range(2):
                store.create(NODES, node(number))
                cluster.kubelets.join(f"node-{number}")
            _workloads(cluster)

        kernel.call(begin)
        moment = kernel.now + HOUR // 6
        assert kernel.wait(lambda: kernel.now >= moment, HOUR) is Outcome.MET

        def disturb() -> None:
            # When it is disturbed: an eviction, a preemption, a lost node, a deletion.
            for pod in store.list(PODS, "default"):
                if pod["metadata"].get("labels") == LABELS:
                    try:
                        store.evict("default", pod["metadata"]["name"])
                    except TooManyRequests:
                        break
            store.create(PODS, new_object(PODS, "urgent", "default", spec=_pod("30", priorityClassName="high")))
            cluster.kubelets.leave("node-1")
            store.delete(DEPLOYMENTS, "default", "web", propagation="Foreground")
            store.delete(PODS, "default", "gated")

        kernel.call(disturb)
        moment = kernel.now + HOUR // 4
        assert kernel.wait(lambda: kernel.now >= moment, HOUR) is Outcome.MET
    finally:
        cluster.close()
        kernel.close()

    assert {"Pod", "Job", "CronJob", "EndpointSlice", "Event", "Lease", "ResourceQuota", "ControllerRevision"} <= set(
        seen
    )
    reasons = {event["reason"] for event in store.list(EVENTS)}
    assert {"Scheduled", "FailedScheduling", "Preempted", "NodeNotReady"} <= reasons
    assert wrong == [], "\n".join(wrong[:5])
