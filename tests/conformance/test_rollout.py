"""kubectl rollout and autoscale."""

# ruff: noqa: E501 - what kubectl says stands in one piece
from __future__ import annotations

import json
import re

import pytest

from tests.conformance.conftest import Kubectl, column
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow


@shows("rollout status", "rollout history", "rollout undo", "rollout restart", "rollout pause", "rollout resume")
def test_given_a_deployment_then_it_rolls_forwards_and_back(k: Kubectl) -> None:
    k.deployment("web", replicas=2)
    k("set", "image", "deployment/web", "web=web:2")
    assert k("rollout", "status", "deployment/web", "--timeout=50s").endswith(
        'deployment "web" successfully rolled out\n'
    )
    history = k("rollout", "history", "deployment/web")
    assert re.findall(r"^(\d+) ", history, re.MULTILINE) == ["1", "2"]
    assert re.search(r"Image:\s+web:1", k("rollout", "history", "deployment/web", "--revision=1"))
    assert k("rollout", "undo", "deployment/web") == "deployment.apps/web rolled back\n"
    k("rollout", "status", "deployment/web", "--timeout=50s")
    assert k("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}") == "web:1"
    assert re.findall(r"^(\d+) ", k("rollout", "history", "deployment/web"), re.MULTILINE) == ["2", "3"]
    assert k("rollout", "restart", "deployment/web") == "deployment.apps/web restarted\n"
    k("rollout", "status", "deployment/web", "--timeout=50s")
    assert k("rollout", "pause", "deployment/web") == "deployment.apps/web paused\n"
    assert "already paused" in k.fails("rollout", "pause", "deployment/web")
    assert k("rollout", "resume", "deployment/web") == "deployment.apps/web resumed\n"


@shows(
    "rollout status statefulset", "rollout status daemonset", "rollout history daemonset", "rollout undo statefulset"
)
def test_given_a_stateful_set_and_a_daemon_set_then_their_rollouts_are_followed(k: Kubectl) -> None:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "x:1"}]}}
    selector = {"matchLabels": {"app": "x"}}
    sets = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"replicas": 2, "serviceName": "db", "selector": selector, "template": template}},
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": {"app": "y"}}, "template": {**template, "metadata": {"labels": {"app": "y"}}}}},
        ],
    }  # fmt: skip
    k("apply", "-f", "-", stdin=json.dumps(sets))
    said = k("rollout", "status", "statefulset/db", "--timeout=50s")
    assert said.endswith("partitioned roll out complete: 2 new pods have been updated...\n")
    assert k("rollout", "status", "daemonset/agent", "--timeout=50s").endswith(
        'daemon set "agent" successfully rolled out\n'
    )
    assert column(k("get", "sts"), "READY") == ["2/2"]
    assert column(k("get", "ds"), "DESIRED") == ["3"]
    k("set", "image", "statefulset/db", "c=x:2")
    k("rollout", "status", "statefulset/db", "--timeout=50s")
    assert k("rollout", "undo", "statefulset/db") == "statefulset.apps/db rolled back\n"
    k("rollout", "status", "statefulset/db", "--timeout=50s")
    assert k("get", "pod", "db-0", "-o", "jsonpath={.spec.containers[0].image}") == "x:1"
    assert re.findall(r"^(\d+) ", k("rollout", "history", "daemonset/agent"), re.MULTILINE) == ["1"]


@shows("autoscale", "expose", "top node", "top pod", "top pod --containers")
def test_given_a_busy_deployment_then_it_is_measured_and_scaled(k: Kubectl) -> None:
    k("create", "deployment", "web", "--image=busy:1")
    k("set", "resources", "deployment/web", "--requests=cpu=100m")
    k("rollout", "status", "deployment/web", "--timeout=50s")
    assert k("expose", "deployment", "web", "--port=80") == "service/web exposed\n"
    assert (
        k("autoscale", "deployment", "web", "--cpu=50%", "--min=1", "--max=3")
        == "horizontalpodautoscaler.autoscaling/web autoscaled\n"
    )
    k("wait", "--for=jsonpath={.status.currentReplicas}=3", "hpa/web", "--timeout=55s")
    assert column(k("get", "hpa"), "TARGETS") == ["cpu: 250%/50%"]
    top = k("top", "pod", "-l", "app=web")
    assert column(top, "CPU(cores)")[0] == "250m"
    assert column(top, "MEMORY(bytes)")[0] == "64Mi"
    assert column(k("top", "pod", "--containers", "-l", "app=web"), "NAME")[0] == "busy"
    nodes = k("top", "node")
    assert set(column(nodes, "NAME")) == {"n1", "n2", "n3"}
