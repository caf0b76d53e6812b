"""Filter plugins, one table each."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.scheduler.cache import Cluster
from harness.cluster.scheduler.framework import LocalFilter, WideFilter
from harness.cluster.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from harness.cluster.scheduler.plugins.node_affinity import NodeAffinity
from harness.cluster.scheduler.plugins.node_name import NodeName
from harness.cluster.scheduler.plugins.node_ports import NodePorts
from harness.cluster.scheduler.plugins.node_resources_fit import NodeResourcesFit, shortages
from harness.cluster.scheduler.plugins.node_unschedulable import NodeUnschedulable
from harness.cluster.scheduler.plugins.pod_topology_spread import PodTopologySpread
from harness.cluster.scheduler.plugins.taint_toleration import TaintToleration, tolerates
from harness.cluster.scheduler.podinfo import Amounts, pod_info, requests_of

from .world import HOSTNAME, ZONE, cluster, info, node, pod


def reasons(
    plugin: LocalFilter | WideFilter, candidate: dict[str, Any], found: Cluster, name: str = "n"
) -> list[tuple[str, bool]]:
    """What the plugin says of one node; a wide one has to say the same of all nodes at once."""
    target = found.get(name)
    assert target is not None
    asking = pod_info(candidate)
    if not isinstance(plugin, PodTopologySpread | InterPodAffinity):
        assert hasattr(plugin, "check")
        check = plugin.check(asking)
        return [] if check is None else [(refusal.reason, refusal.resolvable) for refusal in check(target)]
    state = plugin.state(asking, found)
    if state is None:
        return []
    for entry in found.nodes():
        state.put(entry.slot, entry)
    state.begin()
    refusals = state.check(target)
    passing = state.passing()
    assert passing is not None
    assert bool(passing[target.slot]) == (not refusals)
    return [(refusal.reason, refusal.resolvable) for refusal in refusals]


@pytest.mark.parametrize(
    ("candidate", "cordoned", "expected"),
    [
        (pod(), False, []),
        (pod(), True, [("node(s) were unschedulable", False)]),
        (pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]), True, []),
        (pod(tolerations=[{"operator": "Exists"}]), True, []),
    ],
)
def test_node_unschedulable(candidate: dict[str, Any], cordoned: bool, expected: list[Any]) -> None:
    assert reasons(NodeUnschedulable(), candidate, cluster([node(unschedulable=cordoned)])) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [(None, []), ("n", []), ("m", [("node(s) didn't match the requested node name", False)])]
)
def test_node_name(name: str | None, expected: list[Any]) -> None:
    spec: dict[str, Any] = {"nodeName": name} if name else {}
    candidate = pod(**spec)
    assert reasons(NodeName(), candidate, cluster([node()])) == expected


UNTOLERATED = [("node(s) had untolerated taint(s)", False)]


@pytest.mark.parametrize(
    ("taint", "tolerations", "expected"),
    [
        ({"key": "k", "effect": "NoSchedule"}, [], UNTOLERATED),
        ({"key": "k", "effect": "NoExecute"}, [], UNTOLERATED),
        ({"key": "k", "effect": "PreferNoSchedule"}, [], []),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, [{"key": "k", "value": "v"}], []),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, [{"key": "k", "value": "w"}], UNTOLERATED),
        ({"key": "k", "value": "v", "effect": "NoSchedule"}, [{"key": "k", "operator": "Exists"}], []),
        (
            {"key": "k", "value": "v", "effect": "NoSchedule"},
            [{"key": "k", "operator": "Exists", "effect": "NoExecute"}],
            UNTOLERATED,
        ),
        ({"key": "k", "effect": "NoSchedule"}, [{"operator": "Exists"}], []),
    ],
)
def test_taint_toleration(taint: dict[str, str], tolerations: list[Any], expected: list[Any]) -> None:
    assert reasons(TaintToleration(), pod(tolerations=tolerations), cluster([node(taints=[taint])])) == expected


def test_given_a_toleration_with_an_empty_key_when_its_operator_is_equal_then_it_tolerates_nothing() -> None:
    assert not tolerates({"value": "v"}, {"key": "k", "value": "v", "effect": "NoSchedule"})


def required(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


MISMATCH = [("node(s) didn't match Pod's node affinity/selector", False)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"nodeSelector": {"pool": "heavy"}}, []),
        ({"nodeSelector": {"pool": "light"}}, MISMATCH),
        ({"nodeSelector": {"other": "heavy"}}, MISMATCH),
        ({"affinity": required(expression("pool", "In", "light", "heavy"))}, []),
        ({"affinity": required(expression("pool", "NotIn", "heavy"))}, MISMATCH),
        ({"affinity": required(expression("missing", "NotIn", "x"))}, []),
        ({"affinity": required(expression("pool", "Exists"))}, []),
        ({"affinity": required(expression("pool", "DoesNotExist"))}, MISMATCH),
        ({"affinity": required(expression("size", "Gt", "3"))}, []),
        ({"affinity": required(expression("size", "Lt", "3"))}, MISMATCH),
        (
            {"affinity": required(expression("pool", "In", "x"), expression("size", "In", "5"))},
            [],
        ),  # terms are alternatives
        ({"affinity": required({})}, MISMATCH),  # an empty term matches nothing
        ({"nodeSelector": {"pool": "light"}, "affinity": required(expression("pool", "Exists"))}, MISMATCH),
        ({"affinity": required({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]})}, []),
    ],
)
def test_node_affinity(spec: dict[str, Any], expected: list[Any]) -> None:
    found = cluster([node(labels={"pool": "heavy", "size": "5"})])
    assert reasons(NodeAffinity(), pod(**spec), found) == expected


def test_given_terms_that_all_name_nodes_when_admitted_then_only_these_are_looked_at() -> None:
    by_name = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a", "b"]}]}
    other = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["c"]}]}
    verdict = NodeAffinity().admit(pod_info(pod(affinity=required(by_name, other))), Cluster())
    assert verdict is not None
    assert verdict.nodes == frozenset({"a", "b", "c"})
    mixed = required(by_name, expression("pool", "Exists"))
    assert NodeAffinity().admit(pod_info(pod(affinity=mixed)), Cluster()) is None


PORTS = [("node(s) didn't have free ports for the requested pod ports", True)]


@pytest.mark.parametrize(
    ("wanted", "taken", "expected"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, PORTS),
        ({"hostPort": 80}, {"hostPort": 81}, []),
        ({"hostPort": 80, "protocol": "UDP"}, {"hostPort": 80}, []),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, []),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, PORTS),
        ({"containerPort": 80}, {"hostPort": 80}, []),
    ],
)
def test_node_ports(wanted: dict[str, Any], taken: dict[str, Any], expected: list[Any]) -> None:
    found = cluster([node()], {"n": [pod("other", ports=[taken])]})
    assert reasons(NodePorts(), pod(ports=[wanted]), found) == expected


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ({}, []),
        ({"cpu": "1"}, []),
        ({"cpu": "1001m"}, [("Insufficient cpu", True)]),
        ({"cpu": "5"}, [("Insufficient cpu", False)]),  # more than the node ever has
        ({"memory": "5Gi"}, [("Insufficient memory", True)]),
        ({"cpu": "2", "memory": "9Gi"}, [("Insufficient cpu", False), ("Insufficient memory", False)]),
        ({"ephemeral-storage": "21Gi"}, [("Insufficient ephemeral-storage", False)]),
        ({"example.com/gpu": "1"}, [("Insufficient example.com/gpu", False)]),
    ],
)
def test_node_resources_fit(requests: dict[str, str], expected: list[Any]) -> None:
    found = cluster([node()], {"n": [pod("other", requests={"cpu": "3", "memory": "4Gi"})]})
    assert reasons(NodeResourcesFit(), pod(requests=requests), found) == expected


def test_given_a_node_with_as_many_pods_as_it_takes_when_another_comes_then_there_are_too_many() -> None:
    found = cluster([node(pods="1")], {"n": [pod("other")]})
    assert reasons(NodeResourcesFit(), pod(), found) == [("Too many pods", True)]


def test_given_a_shortage_when_asked_then_it_tells_requested_used_and_capacity() -> None:
    (shortage,) = shortages(pod_info(pod(requests={"cpu": "2"})), info(node(), pod("other", requests={"cpu": "3"})))
    assert (shortage.requested, shortage.used, shortage.capacity) == (2000, 3000, 4000)


def container(cpu: str, **extra: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **extra}


@pytest.mark.parametrize(
    ("spec", "milli_cpu"),
    [
        ({"containers": [container("1"), container("500m")]}, 1500),
        ({"containers": [container("1")], "initContainers": [container("3"), container("2")]}, 3000),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("1", restartPolicy="Always"), container("3")],
            },
            4000,
        ),
        ({"containers": [container("3")], "initContainers": [container("1", restartPolicy="Always")]}, 4000),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, 1250),
        ({"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]}, 0),  # the API server defaults that
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "3"}}, "overhead": {"cpu": "1"}}, 4000),
    ],
)
def test_given_containers_of_all_kinds_when_summed_then_the_pod_requests(spec: dict[str, Any], milli_cpu: int) -> None:
    assert requests_of(spec).milli_cpu == milli_cpu


def test_given_a_container_without_requests_when_scored_then_it_counts_as_100m_and_200_mib() -> None:
    assert requests_of({"containers": [{"name": "c"}]}, non_zero=True) == Amounts(100, 200 * 1024 * 1024)


def constraint(key: str = ZONE, skew: int = 1, **extra: Any) -> dict[str, Any]:
    selector = {"matchLabels": {"app": "x"}}
    return {
        "maxSkew": skew,
        "topologyKey": key,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": selector,
        **extra,
    }


def zoned(name: str, zone: str, **extra: Any) -> dict[str, Any]:
    return node(name, labels={ZONE: zone}, **extra)


def member(name: str, **extra: Any) -> dict[str, Any]:
    return pod(name, labels={"app": "x"}, **extra)


TOO_SKEWED = [("node(s) didn't match pod topology spread constraints", True)]


@pytest.mark.parametrize(
    ("rule", "in_a", "in_b", "expected"),
    [
        (constraint(), 0, 0, []),
        (constraint(), 1, 0, TOO_SKEWED),
        (constraint(skew=2), 1, 0, []),
        (constraint(), 1, 1, []),
        (constraint(whenUnsatisfiable="ScheduleAnyway"), 5, 0, []),
        (constraint(minDomains=3), 1, 1, TOO_SKEWED),  # the missing zone counts as empty
        (
            constraint(key="rack"),
            0,
            0,
            [("node(s) didn't match pod topology spread constraints (missing required label)", False)],
        ),
    ],
)
def test_pod_topology_spread(rule: dict[str, Any], in_a: int, in_b: int, expected: list[Any]) -> None:
    placed = {"n": [member(f"a{i}") for i in range(in_a)], "m": [member(f"b{i}") for i in range(in_b)]}
    found = cluster([zoned("n", "a"), zoned("m", "b")], placed)
    candidate = member("p", topologySpreadConstraints=[rule])
    assert reasons(PodTopologySpread(lambda _: None), candidate, found) == expected


def test_given_terminating_and_foreign_pods_when_spread_is_counted_then_they_do_not_matter() -> None:
    leaving, foreign = member("old"), member("other", namespace="elsewhere")
    leaving["metadata"]["deletionTimestamp"] = "2026-03-01T08:00:00Z"
    found = cluster([zoned("n", "a"), zoned("m", "b")], {"n": [leaving, foreign]})
    candidate = member("p", topologySpreadConstraints=[constraint()])
    assert reasons(PodTopologySpread(lambda _: None), candidate, found) == []


def test_given_nodes_that_the_pod_s_affinity_excludes_when_spread_is_counted_then_they_are_no_domains() -> None:
    found = cluster([zoned("n", "a"), zoned("m", "b")], {"n": [member("a0")]})
    only_a = {"nodeSelector": {ZONE: "a"}}
    honours = member("p", topologySpreadConstraints=[constraint()], **only_a)
    ignores = member("p", topologySpreadConstraints=[constraint(nodeAffinityPolicy="Ignore")], **only_a)
    plugin = PodTopologySpread(lambda _: None)
    assert (reasons(plugin, honours, found), reasons(plugin, ignores, found)) == ([], TOO_SKEWED)


def test_given_tainted_nodes_when_the_policy_honours_taints_then_they_are_no_domains() -> None:
    taint = {"key": "k", "effect": "NoSchedule"}
    found = cluster([zoned("n", "a"), zoned("m", "b", taints=[taint])], {"n": [member("a0")]})
    plugin = PodTopologySpread(lambda _: None)
    ignores = member("p", topologySpreadConstraints=[constraint()])
    honours = member("p", topologySpreadConstraints=[constraint(nodeTaintsPolicy="Honor")])
    assert (reasons(plugin, ignores, found), reasons(plugin, honours, found)) == (TOO_SKEWED, [])


def test_given_match_label_keys_when_spread_is_counted_then_only_pods_of_the_same_revision_do() -> None:
    old = pod("old", labels={"app": "x", "rev": "1"})
    found = cluster([zoned("n", "a"), zoned("m", "b")], {"n": [old]})
    rule = constraint(matchLabelKeys=["rev"])
    candidate = pod("p", labels={"app": "x", "rev": "2"}, topologySpreadConstraints=[rule])
    assert reasons(PodTopologySpread(lambda _: None), candidate, found) == []


def terms(kind: str, app: str, key: str = HOSTNAME, **extra: Any) -> dict[str, Any]:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **extra}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


WRONG, APART, EXISTING = (
    [("node(s) didn't match pod affinity rules", False)],
    [("node(s) didn't match pod anti-affinity rules", True)],
    [("node(s) didn't satisfy existing pods anti-affinity rules", True)],
)


@pytest.mark.parametrize(
    ("candidate", "expected_n", "expected_m"),
    [
        (pod("p", **terms("podAffinity", "x")), [], WRONG),
        (pod("p", **terms("podAffinity", "x", ZONE)), [], []),
        (pod("p", **terms("podAffinity", "none")), WRONG, WRONG),
        (pod("p", labels={"app": "none"}, **terms("podAffinity", "none")), [], []),  # the first of its group
        (pod("p", **terms("podAntiAffinity", "x")), APART, []),
        (pod("p", **terms("podAntiAffinity", "x", ZONE)), APART, APART),
        (pod("p", **terms("podAntiAffinity", "x", namespaces=["elsewhere"])), [], []),
        (pod("p", labels={"app": "loner"}), [], EXISTING),
    ],
)
def test_inter_pod_affinity(candidate: dict[str, Any], expected_n: list[Any], expected_m: list[Any]) -> None:
    loner = pod("loner", labels={"app": "loner"}, **terms("podAntiAffinity", "loner"))
    found = cluster([zoned("n", "a"), zoned("m", "a")], {"n": [member("a0")], "m": [loner]})
    assert reasons(InterPodAffinity(), candidate, found, "n") == expected_n
    assert reasons(InterPodAffinity(), candidate, found, "m") == expected_m
