"""Rules of StatefulSets and DaemonSets, and the pace of Jobs, table by table."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import SECOND
from harness.cluster.controllers.daemonset import keeping, rolling
from harness.cluster.controllers.daemonset.placement import REVISION, bound_to, runs_on, target_of, tolerations_of
from harness.cluster.controllers.job.pace import Pace
from harness.cluster.controllers.statefulset import claims, work
from harness.cluster.controllers.statefulset.identity import new_pod, parent_and_ordinal
from harness.kube.objects import name_of

OLD = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("web-0", ("web", 0)),
        ("a-1-23", ("a-1", 23)),
        ("web", ("", -1)),
        ("web-x", ("", -1)),
        ("web-99999999999", ("web", -1)),
    ],
)
def test_given_a_pod_s_name_when_read_then_parent_and_ordinal_are_known(name: str, found: tuple[str, int]) -> None:
    assert parent_and_ordinal(name) == found


def stateful(replicas: int = 3, *, start: int = 0, policy: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {
        "replicas": replicas,
        "ordinals": {"start": start},
        "selector": {"matchLabels": {"app": "web"}},
        "template": template,
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "persistentVolumeClaimRetentionPolicy": policy or {},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}],
        **spec,
    }
    metadata = {"name": "web", "namespace": "d", "uid": "set"}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": body}


def member(
    ordinal: int, revision: str = "old", *, ready: bool = True, owner: Any = None, **metadata: Any
) -> dict[str, Any]:
    owner = owner or stateful()
    made = new_pod(owner, owner["spec"]["template"], revision, ordinal)
    made["metadata"] |= {"uid": f"pod-{ordinal}", **metadata}
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": OLD}
    return {**made, "status": {"phase": "Running", "conditions": [condition]}}


def reference(kind: str, name: str, uid: str) -> dict[str, Any]:
    version = "v1" if kind == "Pod" else "apps/v1"
    return {
        "apiVersion": version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


SET, POD = reference("StatefulSet", "web", "set"), reference("Pod", "web-5", "pod-5")


@pytest.mark.parametrize(
    ("deleted", "scaled", "ordinal", "owners"),
    [
        ("Retain", "Retain", 1, []),
        ("Delete", "Retain", 1, [SET]),
        ("Delete", "Retain", 5, [SET]),
        ("Retain", "Delete", 1, []),
        ("Retain", "Delete", 5, [POD]),
        ("Delete", "Delete", 1, [SET]),
        ("Delete", "Delete", 5, [POD]),
    ],
)
def test_given_a_retention_policy_when_a_claim_is_looked_at_then_its_owners_are_put_right(
    deleted: str, scaled: str, ordinal: int, owners: list[Any]
) -> None:
    owner = stateful(policy={"whenDeleted": deleted, "whenScaled": scaled})
    pod = member(ordinal)
    for present in ([], [SET], [POD] if ordinal == 5 else []):
        claim = {"metadata": {"name": f"data-web-{ordinal}", "ownerReferences": present}}
        assert claims.is_up_to_date(claim, owner, pod) is (present == owners)
        assert claims.owners_for(claim, owner, pod) == owners


def test_given_a_claim_of_a_former_pod_when_looked_at_then_it_is_stale_and_left_alone() -> None:
    claim = {"metadata": {"name": "c", "ownerReferences": [reference("Pod", "web-5", "former")]}}
    assert claims.is_stale(claim, member(5))
    assert claims.is_up_to_date(claim, stateful(policy={"whenScaled": "Delete"}), member(5))


def seen(pods: list[dict[str, Any]], **spec: Any) -> work.Look:
    owner = stateful(len(pods), **spec)
    return work.look(owner, pods, member, 2_000_000_000 * SECOND)


@pytest.mark.parametrize(
    ("pods", "limit", "gone"),
    [
        ([member(0), member(1), member(2)], None, ["web-2"]),
        ([member(0), member(1), member(2, "new", ready=False)], None, []),
        ([member(0), member(1), member(2, "new")], None, ["web-1"]),
        ([member(0), member(1), member(2)], 2, ["web-2", "web-1"]),
        ([member(0, ready=False), member(1), member(2)], 2, ["web-2"]),
        ([member(0), member(1), member(2)], "34%", ["web-2"]),
        ([member(0), member(1), member(2, deletionTimestamp=OLD)], None, []),
    ],
)
def test_given_outdated_pods_when_an_update_goes_on_then_these_go(pods: Any, limit: Any, gone: list[str]) -> None:
    assert [name_of(pod) for pod in work.outdated(seen(pods), "new", limit)] == gone


def test_given_a_start_ordinal_when_partitioned_then_positions_count_and_not_ordinals() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    pods = [member(5), member(6)]
    found = work.outdated(seen(pods, start=5, updateStrategy=strategy), "new", None)
    assert [name_of(pod) for pod in found] == ["web-6"]


def daemon(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [], **spec.pop("template", {})}}
    return {"metadata": {"name": "a"}, "spec": {"template": template, **spec}}


def taint(key: str, effect: str) -> dict[str, Any]:
    return {"metadata": {"name": "n", "labels": {"disk": "ssd"}}, "spec": {"taints": [{"key": key, "effect": effect}]}}


@pytest.mark.parametrize(
    ("template", "node", "expected"),
    [
        ({}, taint("k", "NoSchedule"), (False, True)),
        ({}, taint("k", "NoExecute"), (False, False)),
        ({}, taint("k", "PreferNoSchedule"), (True, True)),
        ({}, taint("node.kubernetes.io/not-ready", "NoExecute"), (True, True)),
        ({}, taint("node.kubernetes.io/unschedulable", "NoSchedule"), (True, True)),
        ({}, taint("node.kubernetes.io/network-unavailable", "NoSchedule"), (False, True)),
        ({"hostNetwork": True}, taint("node.kubernetes.io/network-unavailable", "NoSchedule"), (True, True)),
        ({"nodeSelector": {"disk": "hdd"}}, taint("k", "PreferNoSchedule"), (False, False)),
        ({"nodeSelector": {"disk": "ssd"}}, taint("k", "PreferNoSchedule"), (True, True)),
        ({"nodeName": "other"}, taint("k", "PreferNoSchedule"), (False, False)),
    ],
)
def test_given_a_node_when_a_daemon_pod_might_run_there_then_it_should_or_may_stay(
    template: dict[str, Any], node: dict[str, Any], expected: tuple[bool, bool]
) -> None:
    assert runs_on(daemon(template=template), node) == expected


def test_given_an_affinity_when_bound_then_only_the_required_node_terms_are_replaced() -> None:
    before = {
        "podAffinity": {"x": 1},
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [1],
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": []}]},
        },
    }
    after = bound_to(before, "n1")
    assert after["podAffinity"] == {"x": 1}
    assert after["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] == [1]
    assert target_of({"spec": {"affinity": after}}) == "n1"


def test_given_a_toleration_for_some_seconds_when_completed_then_it_tolerates_for_ever() -> None:
    mine = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    found = tolerations_of({"tolerations": [mine]})
    assert len(found) == 6
    assert "tolerationSeconds" not in found[0]


def on(node: str, digest: str, *, ready: bool = True, phase: str = "Running") -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": OLD}
    metadata = {
        "name": f"{node}-{digest}",
        "labels": {REVISION: digest},
        "creationTimestamp": OLD,
        "uid": f"{node}{digest}",
    }
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": {"phase": phase, "conditions": [condition]}}


def is_up(pod: Any) -> bool:
    return bool(pod["status"]["conditions"][0]["status"] == "True")


def update(surge: Any, unavailable: Any) -> dict[str, Any]:
    rolling_update = {"maxSurge": surge, "maxUnavailable": unavailable}
    return daemon(updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling_update})


@pytest.mark.parametrize(
    ("strategy", "by_node", "delete", "create"),
    [
        (update(0, 1), {"a": [on("a", "o")], "b": [on("b", "o")]}, ["a-o"], []),
        (update(0, 1), {"a": [on("a", "n", ready=False)], "b": [on("b", "o")]}, [], []),
        (update(0, 1), {"a": [on("a", "n")], "b": [on("b", "o")]}, ["b-o"], []),
        (update(0, 1), {"a": [on("a", "o", ready=False)], "b": [on("b", "o")]}, ["a-o"], []),
        (update(0, "100%"), {"a": [on("a", "o")], "b": [on("b", "o")]}, ["a-o", "b-o"], []),
        (update(1, 0), {"a": [on("a", "o")], "b": [on("b", "o")]}, [], ["a"]),
        (update(1, 0), {"a": [on("a", "o"), on("a", "n", ready=False)], "b": [on("b", "o")]}, [], []),
        (update(1, 0), {"a": [on("a", "o"), on("a", "n")], "b": [on("b", "o")]}, ["a-o"], ["b"]),
        (update(0, 0), {"a": [on("a", "o")], "b": [on("b", "o")]}, ["a-o"], []),  # would never move
    ],
)
def test_given_old_and_new_daemon_pods_when_an_update_goes_on_then_these_go_and_come(
    strategy: dict[str, Any], by_node: Any, delete: list[str], create: list[str]
) -> None:
    todo = rolling.replace(strategy, by_node, ["a", "b"], "n", is_up)
    assert ([name_of(pod) for pod in todo.delete], list(todo.create_on)) == (delete, create)


@pytest.mark.parametrize(
    ("pods", "run", "stay", "surges", "create", "delete"),
    [
        ([], True, True, False, True, []),
        ([], False, True, False, False, []),
        ([on("a", "n")], False, False, False, False, ["a-n"]),
        ([on("a", "n")], False, True, False, False, []),
        ([on("a", "n", phase="Failed")], True, True, False, False, ["a-n"]),
        ([on("a", "n"), on("a", "o")], True, True, False, False, ["a-o"]),
        ([on("a", "n"), on("a", "o")], True, True, True, False, ["a-o"]),
        ([on("a", "n", ready=False), on("a", "o")], True, True, True, False, []),
    ],
)
def test_given_a_node_s_pods_when_judged_then_the_node_has_one(
    pods: Any, run: bool, stay: bool, surges: bool, create: bool, delete: list[str]
) -> None:
    verdict = keeping.judge(pods, run, stay, surges, "n", is_up, lambda: False)
    assert (verdict.create, [name_of(pod) for pod in verdict.delete]) == (create, delete)


def test_given_a_job_when_things_happen_then_it_is_looked_at_a_second_after_the_first_and_at_once_for_its_spec() -> (
    None
):
    pace = Pace()
    job = {"metadata": {"uid": "u", "generation": 1}}
    assert pace.hold_us(job, 0) == 0
    assert pace.hold_us(job, 10) == SECOND
    assert pace.hold_us(job, 500_010) == SECOND // 2
    assert pace.hold_us(job, SECOND + 10) == 0
    assert pace.hold_us({"metadata": {"uid": "u", "generation": 2}}, SECOND + 20) == 0
    pace.plan(job, 5 * SECOND, SECOND + 20)
    assert pace.hold_us({"metadata": {"uid": "u", "generation": 2}}, 6 * SECOND + 20) == 0
