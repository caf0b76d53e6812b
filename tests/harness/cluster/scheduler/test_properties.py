"""Whatever happens: cached answers equal fresh ones, and no node is ever given more than it has."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cluster.scheduler.cache import Cluster
from harness.cluster.scheduler.framework import Diagnosis
from harness.cluster.scheduler.podinfo import PodInfo, pod_info
from harness.kube.selectors import Selector, from_labels

from .world import HOSTNAME, ZONE, cycle, node, pod

POOLS, ZONES = ("small", "heavy"), ("a", "b", "c")
TAINT = {"key": "pool", "value": "heavy", "effect": "NoSchedule"}
SOFT = {"key": "soft", "effect": "PreferNoSchedule"}

nodes = st.builds(
    lambda name, zone, pool, cpu, taints, cordoned: node(
        f"n{name}", labels={ZONE: zone, "pool": pool}, cpu=str(cpu), taints=taints, pods="4", unschedulable=cordoned
    ),
    st.integers(0, 4),
    st.sampled_from(ZONES),
    st.sampled_from(POOLS),
    st.integers(1, 4),
    st.lists(st.sampled_from([TAINT, SOFT]), max_size=2, unique_by=lambda taint: taint["key"]),
    st.booleans(),
)


def spread(hard: bool) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule" if hard else "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "x"}},
    }


ALONE = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {"app": "x"}}}
        ]
    }
}
NEAR = {
    "podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "x"}}}
        ]
    }
}
WISHES = {
    kind: {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": weight,
                "podAffinityTerm": {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}},
            }
        ]
    }
    for kind, weight, key, app in (("podAffinity", 30, ZONE, "y"), ("podAntiAffinity", 70, HOSTNAME, "x"))
}
pods = st.builds(
    lambda app, cpu, tolerates, pinned, extra, port: pod(
        "p",
        labels={"app": app},
        requests={"cpu": f"{cpu}m", "memory": "100Mi"},
        tolerations=[{"key": "pool", "operator": "Exists"}] if tolerates else [],
        ports=[{"hostPort": 80}] if port else [],
        **pinned,
        **extra,
    ),
    st.sampled_from(["x", "y"]),
    st.sampled_from([250, 500, 1000, 3000]),
    st.booleans(),
    st.sampled_from([{}, *({"nodeSelector": {"pool": name}} for name in POOLS)]),
    st.sampled_from(
        [
            {},
            {},
            {"topologySpreadConstraints": [spread(True)]},
            {"topologySpreadConstraints": [spread(False)]},
            {"affinity": ALONE},
            {"affinity": NEAR},
            {"affinity": WISHES},
        ]
    ),
    st.booleans(),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("node"), nodes),
        st.tuples(st.just("drop node"), st.integers(0, 4)),
        st.tuples(st.just("pod"), pods),
        st.tuples(st.just("pod"), pods),
        st.tuples(st.just("drop pod"), st.integers(0, 30)),
    ),
    max_size=40,
)


def belongs(info: PodInfo) -> Selector | None:
    """Pods `y` belong to a Service, so they are spread by default."""
    return from_labels({"app": "y"}) if info.labels.get("app") == "y" else None


def apply(cluster: Cluster, step: tuple[str, Any]) -> None:
    """A change that does not come from the scheduler."""
    kind, what = step
    if kind == "node":
        cluster.set_node(what)
    elif kind == "drop node" and cluster.get(f"n{what}") is not None:
        cluster.remove_node(f"n{what}")
    elif kind == "drop pod":
        cluster.remove_pod(f"default/p{what}")


@given(steps)
@settings(max_examples=150, deadline=None)
def test_given_any_history_when_pods_are_placed_then_cached_equals_uncached_and_nothing_is_overcommitted(
    history: list[Any],
) -> None:
    cluster = Cluster()
    cached = cycle(cluster, default_selector=belongs)
    fresh = cycle(cluster, caching=False, default_selector=belongs)
    placed = 0
    for step in history:
        apply(cluster, step)
        if step[0] != "pod":
            continue
        candidate = {**step[1], "metadata": {**step[1]["metadata"], "name": f"p{placed}"}}
        info = pod_info(candidate)
        assert cached.explain(info) == fresh.explain(info)
        outcome = cached.place(info, min)
        assert outcome == fresh.place(info, min)
        if isinstance(outcome, Diagnosis):
            assert set(outcome.refusals) == {entry.name for entry in cluster.nodes()}
            continue
        target = cluster.get(outcome)
        assert target is not None
        cluster.set_pod(info, outcome)
        placed += 1
        # A node may shrink below what it holds by itself; a placement never makes it so.
        assert target.used_milli_cpu <= target.allocatable.milli_cpu
        assert len(target.pods) <= target.pods_max
        assert len(set(target.ports)) == len(target.ports)


@given(steps)
@settings(max_examples=50, deadline=None)
def test_given_any_history_when_sums_are_kept_then_they_equal_the_sums_of_the_pods(history: list[Any]) -> None:
    cluster = Cluster()
    placing = cycle(cluster)
    for number, step in enumerate(history):
        apply(cluster, step)
        if step[0] == "pod":
            info = pod_info({**step[1], "metadata": {**step[1]["metadata"], "name": f"p{number % 8}"}})
            cluster.remove_pod(info.key)
            outcome = placing.place(info, lambda best: best[0])
            if isinstance(outcome, str):
                cluster.set_pod(info, outcome)
    for entry in cluster.nodes():
        assert entry.used_milli_cpu == sum(other.requests.milli_cpu for other in entry.pods.values())
        assert sorted(entry.ports) == sorted(port for other in entry.pods.values() for port in other.host_ports)
