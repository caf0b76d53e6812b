"""The World: waiting and its messages, deploying, submitting, and the faults that never struck. On the real kernel and store, without machines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clock import HOUR, SECOND
from harness.faults import After, DrainNode, KillNode, OnKnock
from harness.kube.errors import NotFound
from harness.kube.resources import CONFIG_MAPS, JOBS, NAMESPACES, PODS, WORKFLOWS
from harness.targets.base import Settings
from harness.targets.project import Project
from harness.world.conditions import Condition, Seen, pod_phase, workflow_succeeded
from harness.world.world import NAMESPACE, NotMet, World, resource_of
from tests.harness.doubles import START, FakeBackend

CONTAINER = {"name": "main", "image": "a:1"}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": "idr"}},
    "spec": {"containers": [CONTAINER]},
}


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(Project(tmp_path, "dev"), Settings("dev", seed=1, scale=1.0))


@pytest.fixture
def world(backend: FakeBackend) -> Iterator[World]:
    with World(backend) as made:
        made.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        yield made


def until(world: World, moment_us: int) -> Condition:
    return Condition("a moment", lambda _reader: Seen(world.now_us >= moment_us, "too early"))


# Time


def test_given_a_timer_when_a_world_waits_then_time_jumps_to_it(world: World, backend: FakeBackend) -> None:
    backend.kernel.call(lambda: backend.kernel.at(START + HOUR, lambda: None))
    world.wait(until(world, START + HOUR))
    assert world.now_us == START + HOUR


def test_given_nothing_left_to_happen_then_a_wait_ends_at_once_and_says_what_was_last_seen(world: World) -> None:
    with pytest.raises(NotMet) as caught:
        world.wait(pod_phase(f"{NAMESPACE}/idr-*", "Running"))
    assert str(caught.value).startswith(
        f"waited for: a pod {NAMESPACE}/idr-* is Running\nended: nothing left to happen\nlast seen: no such pod\n"
    )
    assert world.now_us == START


def test_given_a_wait_that_takes_too_long_then_it_ends_at_its_timeout(world: World, backend: FakeBackend) -> None:
    backend.kernel.call(lambda: backend.kernel.at(START + HOUR, lambda: None))
    with pytest.raises(NotMet, match="ended: deadline"):
        world.wait(until(world, START + HOUR), timeout_s=60)
    assert world.now_us == START + 60 * SECOND


def test_given_what_can_never_be_then_a_wait_says_so_without_moving_time(world: World, backend: FakeBackend) -> None:
    backend.kernel.call(lambda: backend.kernel.at(START + HOUR, lambda: None))
    with pytest.raises(NotMet, match="ended: it can never hold\nlast seen: it does not exist"):
        world.wait(workflow_succeeded(f"{NAMESPACE}/none"))
    assert world.now_us == START


def test_given_no_timer_then_time_still_advances_by_what_was_asked(world: World) -> None:
    world.advance(90.5)
    assert world.now_us == START + 90_500_000


def test_given_a_failed_pod_then_an_excerpt_has_the_timeline_and_the_end_of_its_log(
    world: World, backend: FakeBackend
) -> None:
    backend.logs[f"{NAMESPACE}/p/main"] = "".join(f"line {number}\n" for number in range(9))
    backend.kernel.call(lambda: world.timeline.record("PodFailed", f"Pod/{NAMESPACE}/p", exit_codes=[1]))
    lines = world.excerpt().splitlines()
    assert f"  2026-03-01T08:00:00Z PodFailed Pod/{NAMESPACE}/p {{'exit_codes': [1]}}" in lines
    assert lines[-6:] == [f"  log of {NAMESPACE}/p:", *(f"    line {number}" for number in range(4, 9))]


# Acting


def test_given_documents_when_applied_twice_then_the_second_replaces_the_first(world: World) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": NAMESPACE}}
    assert world.apply([settings | {"data": {"a": "1"}}]) == [f"{NAMESPACE}/c"]
    world.apply([settings | {"data": {"b": "2"}}])
    assert world.get(CONFIG_MAPS, f"{NAMESPACE}/c")["data"] == {"b": "2"}


def test_given_a_namespace_that_lives_when_applied_again_then_it_keeps_what_it_is(world: World) -> None:
    before = world.get(NAMESPACES, NAMESPACE)
    world.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {"a": "b"}}}])
    after = world.get(NAMESPACES, NAMESPACE)
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    assert after["metadata"]["labels"]["a"] == "b"


def test_when_deployed_then_images_are_pushed_and_everything_but_runs_is_applied(
    world: World, backend: FakeBackend
) -> None:
    world.deploy()
    assert backend.asked == [("publish_images", "0.1.0"), ("workflows_established",)]
    assert world.get(CONFIG_MAPS, f"{NAMESPACE}/cluster-autoscaler")["data"] == {"scan-interval": "10s"}
    assert world.objects(JOBS) == []


def test_when_deployed_without_a_file_then_that_file_is_left_out(world: World, backend: FakeBackend) -> None:
    world.deploy(without=["cluster-autoscaler", "argo-crds"])
    with pytest.raises(NotFound, match='configmaps "cluster-autoscaler" not found'):
        world.get(CONFIG_MAPS, f"{NAMESPACE}/cluster-autoscaler")
    assert ("workflows_established",) not in backend.asked


def test_when_a_job_runs_then_its_environment_is_the_rendered_one_but_for_what_was_asked(world: World) -> None:
    key = world.run_job("idr", MAX_WORKERS="2")
    (container,) = world.get(JOBS, key)["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "MAX_WORKERS", "value": "2"}, {"name": "EM_DATA_DIR", "value": "/app/data"}]


def test_a_parameter_that_the_workflow_does_not_have_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match=r"the rendered Workflow has no parameter chunk-size$"):
        world.submit_workflow(chunk_size="1")


@pytest.mark.parametrize(
    ("document", "resource"),
    [
        ({"apiVersion": "v1", "kind": "Pod"}, PODS),
        ({"apiVersion": "batch/v1", "kind": "Job"}, JOBS),
        ({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}, WORKFLOWS),
    ],
)
def test_a_document_names_its_resource(document: dict[str, str], resource: Any) -> None:
    assert resource_of(document) is resource


def test_a_kind_that_is_not_served_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^apps/v9 DaemonSet is not served by the embedded cluster$"):
        resource_of({"apiVersion": "apps/v9", "kind": "DaemonSet"})


# Looking


def test_pods_are_found_by_their_app_labels(world: World) -> None:
    world.create(POD)
    world.create(POD | {"metadata": {"name": "other", "namespace": "default"}})
    assert [pod["metadata"]["name"] for pod in world.pods(name="idr")] == ["p"]
    assert world.pods(name="flyem") == []
    assert len(world.objects(PODS)) == 2


def test_given_faults_that_never_struck_then_they_are_idle(world: World) -> None:
    waiting = world.inject(KillNode("*"), OnKnock("PutObject"))
    later = world.inject(DrainNode("*"), After(3600))
    assert world.idle_faults() == [repr(waiting.fault), repr(later.fault)]
    later.remove()
    assert world.idle_faults() == [repr(waiting.fault)]


def test_given_a_rule_that_never_fired_then_it_is_idle_too(world: World, backend: FakeBackend) -> None:
    backend.armed.append("SlowDown PutObject")
    assert world.idle_faults() == ["SlowDown PutObject"]


def test_a_pod_with_two_transfers_at_once_makes_the_run_not_repeatable(world: World, backend: FakeBackend) -> None:
    assert world.is_repeatable() == []
    backend.kernel.call(lambda: backend.kernel.parties.concurrent.append("ns/p/main/0"))
    assert world.is_repeatable() == ["ns/p/main/0 had two transfers open at once"]
