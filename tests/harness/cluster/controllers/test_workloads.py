"""StatefulSets, DaemonSets and CronJobs over time on the embedded cluster; what a real one does is compared by the fidelity traces."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.controllers.cronjob import CronJobController
from harness.cluster.controllers.garbagecollector import GarbageCollector
from harness.cluster.controllers.job import JobController
from harness.kube.objects import Object, name_of, new_object
from harness.kube.resources import (
    CONTROLLER_REVISIONS,
    CRON_JOBS,
    DAEMON_SETS,
    JOBS,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
)

from .bench import Bench, Kubelet, node


@pytest.fixture
def world(bench: Bench) -> Bench:
    bench.add_standard()
    bench.add_scheduler()
    bench.create(NODES, node("n1"))
    bench.create(NODES, node("n2"))
    return bench


@pytest.fixture
def jobs(bench: Bench) -> Bench:
    """Without the node lifecycle, as nobody renews these nodes' leases."""
    bench.add(JobController(*bench.parts), CronJobController(*bench.parts), GarbageCollector(*bench.parts[1:]))
    bench.add_scheduler()
    bench.create(NODES, node("n1"))
    return bench


def workload(resource: Any, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
    body = {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    return new_object(resource, "web", "default", spec=body)


def image(bench: Bench, resource: Any, name: str) -> None:
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": name}]
    bench.kernel.call(lambda: bench.store.patch(resource, "default", "web", patch, kind="json"))


def scale(bench: Bench, resource: Any, replicas: int) -> None:
    bench.kernel.call(lambda: bench.store.patch(resource, "default", "web", {"spec": {"replicas": replicas}}))


def images(bench: Bench) -> dict[str, str]:
    return {name_of(pod): pod["spec"]["containers"][0]["image"] for pod in bench.pods()}


def claim_template() -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": "data"}, "spec": spec}


def test_given_a_stateful_set_when_it_runs_then_pods_have_names_labels_claims_and_a_revision(world: Bench) -> None:
    Kubelet(world)
    spec = {"podManagementPolicy": "Parallel", "volumeClaimTemplates": [claim_template()]}
    world.create(STATEFUL_SETS, workload(STATEFUL_SETS, replicas=2, serviceName="web", **spec))
    world.advance_to(2)
    first, second = world.pods()
    (revision,) = world.store.list(CONTROLLER_REVISIONS)
    assert first["metadata"]["labels"] == {
        "app": "web",
        "apps.kubernetes.io/pod-index": "0",
        "controller-revision-hash": name_of(revision),
        "statefulset.kubernetes.io/pod-name": "web-0",
    }
    assert (second["spec"]["hostname"], second["spec"]["subdomain"]) == ("web-1", "web")
    assert second["spec"]["volumes"][0] == {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}}
    assert [name_of(claim) for claim in world.store.list(PERSISTENT_VOLUME_CLAIMS)] == ["data-web-0", "data-web-1"]
    assert sorted(world.events("SuccessfulCreate")) == [
        "Create Claim data-web-0 Pod web-0 in StatefulSet web success",
        "Create Claim data-web-1 Pod web-1 in StatefulSet web success",
        "Create Pod web-0 in StatefulSet web successful",
        "Create Pod web-1 in StatefulSet web successful",
    ]


def test_given_ordered_pods_when_scaled_up_then_each_waits_for_the_one_before_to_be_available(world: Bench) -> None:
    Kubelet(world)
    world.create(STATEFUL_SETS, workload(STATEFUL_SETS, replicas=3, serviceName="web", minReadySeconds=10))
    times = [world.wait(lambda count=count: len(world.pods()) == count) for count in (1, 2, 3)]  # type: ignore[misc]
    assert times == [0, 10, 20]
    status = world.get(STATEFUL_SETS, "web")["status"]
    assert (status["replicas"], status["availableReplicas"]) == (3, 2)


def test_given_a_partition_when_the_template_changes_then_lower_ordinals_stay_even_when_they_come_back(
    world: Bench,
) -> None:
    Kubelet(world, stop_s=1)
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    world.create(STATEFUL_SETS, workload(STATEFUL_SETS, replicas=2, serviceName="web", updateStrategy=strategy))
    world.advance_to(5)
    image(world, STATEFUL_SETS, "web:2")
    world.advance_to(10)
    assert images(world) == {"web-0": "web:1", "web-1": "web:2"}
    world.kernel.call(lambda: world.store.delete(PODS, "default", "web-0"))
    world.advance_to(15)
    assert images(world) == {"web-0": "web:1", "web-1": "web:2"}


def test_given_templates_that_come_and_go_when_a_former_one_returns_then_its_revision_is_numbered_anew(
    world: Bench,
) -> None:
    Kubelet(world)
    world.create(STATEFUL_SETS, workload(STATEFUL_SETS, replicas=1, serviceName="web", revisionHistoryLimit=1))
    for number, name in enumerate(("web:2", "web:3", "web:2")):
        world.advance_to(10 * number + 5)
        image(world, STATEFUL_SETS, name)
    world.advance_to(60)
    revisions = {entry["data"]["spec"]["template"]["spec"]["containers"][0]["image"]: entry["revision"] for entry in
                 world.store.list(CONTROLLER_REVISIONS)}  # fmt: skip
    assert revisions == {"web:2": 4, "web:3": 3}


def daemons(bench: Bench) -> dict[str, Object]:
    return {pod["spec"].get("nodeName", ""): pod for pod in bench.pods()}


def test_given_a_daemon_set_when_nodes_come_and_are_tainted_then_each_that_fits_runs_one_pod(world: Bench) -> None:
    Kubelet(world)
    world.create(DAEMON_SETS, workload(DAEMON_SETS))
    world.advance_to(1)
    assert sorted(daemons(world)) == ["n1", "n2"]
    world.create(NODES, node("n3"))
    world.advance_to(2)
    assert sorted(daemons(world)) == ["n1", "n2", "n3"]
    taint = {"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}}
    world.kernel.call(lambda: world.store.patch(NODES, None, "n3", taint))
    world.advance_to(3)
    status = world.get(DAEMON_SETS, "web")["status"]
    assert (status["desiredNumberScheduled"], status["numberMisscheduled"], status["numberReady"]) == (2, 0, 2)


def test_given_a_daemon_pod_when_made_then_it_names_its_node_and_tolerates_a_node_in_trouble(world: Bench) -> None:
    Kubelet(world)
    world.create(DAEMON_SETS, workload(DAEMON_SETS))
    world.advance_to(1)
    pod = daemons(world)["n1"]
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    fields = [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]
    assert required == {"nodeSelectorTerms": [{"matchFields": fields}]}
    assert [(entry["key"].removeprefix("node.kubernetes.io/"), entry["effect"]) for entry in pod["spec"]["tolerations"]] == [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ]  # fmt: skip


def test_given_a_rolling_update_of_daemons_when_it_runs_then_at_most_one_is_missing(world: Bench) -> None:
    Kubelet(world, stop_s=2)
    world.create(DAEMON_SETS, workload(DAEMON_SETS))
    world.advance_to(1)
    image(world, DAEMON_SETS, "web:2")
    world.advance_to(2)
    assert sorted(images(world).values()) == ["web:1", "web:1"]  # one is on its way out
    world.advance_to(10)
    assert set(images(world).values()) == {"web:2"}
    assert [entry["revision"] for entry in world.store.list(CONTROLLER_REVISIONS)] in ([1, 2], [2, 1])


def cron_job(**spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "work"}]}
    template = {"spec": {"template": {"spec": pod}}}
    return new_object(CRON_JOBS, "tick", "default", spec={"schedule": "*/10 * * * *", "jobTemplate": template, **spec})


def test_given_a_cron_job_when_its_time_comes_then_a_job_starts_and_is_accounted_for(jobs: Bench) -> None:
    Kubelet(jobs, runs_s=lambda _: 30)
    jobs.create(CRON_JOBS, cron_job(timeZone="Asia/Tokyo"))
    assert jobs.wait(lambda: bool(jobs.store.list(JOBS))) == 600
    (job,) = jobs.store.list(JOBS)
    assert job["metadata"]["name"] == f"tick-{(jobs.kernel.now // 1_000_000) // 60}"
    scheduled = job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert scheduled == "2026-03-01T17:10:00+09:00"
    status = jobs.get(CRON_JOBS, "tick")["status"]
    assert [entry["name"] for entry in status["active"]] == [name_of(job)]
    jobs.advance_to(700)
    status = jobs.get(CRON_JOBS, "tick")["status"]
    assert "active" not in status
    assert status["lastScheduleTime"] == jobs.stamp(600)
    assert status["lastSuccessfulTime"] == jobs.get(JOBS, name_of(job))["status"]["completionTime"]


def test_given_an_idle_cron_job_when_a_day_passes_then_only_its_starts_are_events(jobs: Bench) -> None:
    jobs.create(CRON_JOBS, cron_job(schedule="@yearly"))
    jobs.advance_to(10)
    version = jobs.store.list(CRON_JOBS)[0]["metadata"]["resourceVersion"]
    jobs.advance_to(86_400)
    assert jobs.store.list(CRON_JOBS)[0]["metadata"]["resourceVersion"] == version


@pytest.mark.parametrize(
    ("policy", "left", "reason"),
    [("Allow", 3, ""), ("Forbid", 1, "JobAlreadyActive"), ("Replace", 1, "SuccessfulDelete")],
)
def test_given_jobs_that_last_when_more_are_due_then_the_policy_decides(
    jobs: Bench, policy: str, left: int, reason: str
) -> None:
    Kubelet(jobs)
    jobs.create(CRON_JOBS, cron_job(concurrencyPolicy=policy))
    jobs.advance_to(1850)
    assert len(jobs.store.list(JOBS)) == left
    assert not reason or [text for text in jobs.events(reason) if "job" in text]


def test_given_a_long_outage_when_it_is_over_then_one_start_is_made_good_and_the_many_are_said(jobs: Bench) -> None:
    jobs.create(CRON_JOBS, cron_job(schedule="* * * * *", suspend=True))
    jobs.advance_to(3 * 3600)
    jobs.kernel.call(lambda: jobs.store.patch(CRON_JOBS, "default", "tick", {"spec": {"suspend": False}}))
    jobs.advance_to(3 * 3600 + 10)
    assert len(jobs.store.list(JOBS)) == 1
    assert len(jobs.events("TooManyMissedTimes")) == 1


def test_given_a_replication_controller_when_it_runs_then_it_keeps_its_number(world: Bench) -> None:
    Kubelet(world)
    body = workload(REPLICATION_CONTROLLERS, replicas=2)
    body["spec"]["selector"] = {"app": "web"}
    world.create(REPLICATION_CONTROLLERS, body)
    world.advance_to(1)
    assert world.get(REPLICATION_CONTROLLERS, "web")["status"]["readyReplicas"] == 2
    scale(world, REPLICATION_CONTROLLERS, 1)
    world.advance_to(2)
    assert len(world.pods()) == 1
