"""kubectl on nodes: cordon, drain with a disruption budget, taint, label."""

from __future__ import annotations

import re

import pytest

from tests.conformance.conftest import Kubectl, column
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow


@shows("cordon", "uncordon", "drain", "drain --ignore-daemonsets")
def test_given_a_budget_then_drain_waits_for_it_and_empties_the_node(k: Kubectl) -> None:
    k.deployment("shop", replicas=2)
    k("create", "pdb", "shop", "--min-available=1", "--selector=app=shop")
    assert k("cordon", "n1") == "node/n1 cordoned\n"
    try:
        assert k("cordon", "n1") == "node/n1 already cordoned\n"
        nodes = k("get", "nodes")
        assert (
            dict(zip(column(nodes, "NAME"), column(nodes, "STATUS"), strict=True))["n1"] == "Ready,SchedulingDisabled"
        )
        k("delete", "pod", "-l", "app=shop", "--wait=false")
        k("wait", "--for=condition=Available", "deployment/shop", "--timeout=50s")
        drained = k.run("drain", "n2", "--pod-selector=app=shop", "--ignore-daemonsets", "--force", "--timeout=50s")
        assert drained.returncode == 0, drained.stderr
        assert re.search(r"node/n2 (already )?cordoned", drained.stdout)
        assert drained.stdout.endswith("node/n2 drained\n")
        assert set(column(k("get", "pods", "-l", "app=shop", "-o", "wide"), "NODE")) == {"n3"}
        healthy = k("get", "pdb", "shop", "-o", "jsonpath={.status.currentHealthy}/{.status.desiredHealthy}")
        assert healthy.endswith("/1")
    finally:
        k("uncordon", "n1", "n2")
    assert column(k("get", "nodes"), "STATUS") == ["Ready"] * 3


@shows("drain --force")
def test_given_a_bare_pod_then_drain_needs_force(k: Kubectl) -> None:
    k.pod("bare")
    node = k("get", "pod", "bare", "-o", "jsonpath={.spec.nodeName}")
    try:
        refused = k.fails("drain", node, "--ignore-daemonsets", "--pod-selector=run=bare")
        assert "cannot delete Pods that declare no controller (use --force to override)" in refused
    finally:
        k("uncordon", node)


@shows("taint", "label node")
def test_given_a_taint_then_what_does_not_tolerate_it_stays_away(k: Kubectl) -> None:
    try:
        assert k("taint", "node", "n1", f"pool={k.namespace}:NoSchedule") == "node/n1 tainted\n"
        assert k("label", "node", "n1", f"pool={k.namespace}") == "node/n1 labeled\n"
        overrides = f'{{"spec":{{"nodeSelector":{{"pool":"{k.namespace}"}}}}}}'
        k("run", "p", "--image=app:1", "--overrides", overrides)
        k(
            "wait",
            "--for=jsonpath={.status.conditions[?(@.type=='PodScheduled')].reason}=Unschedulable",
            "pod/p",
            "--timeout=50s",
        )
        said = k("get", "pod", "p", "-o", "jsonpath={.status.conditions[?(@.type=='PodScheduled')].message}")
        assert said == (
            "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. "
            "no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
        )
    finally:
        k("taint", "node", "n1", "pool-")
        k("label", "node", "n1", "pool-")
