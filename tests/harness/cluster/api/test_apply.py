"""kubectl apply, --server-side, diff and replace against the embedded API: who owns what, and what a conflict says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.kubectl import Kubectl

pytestmark = pytest.mark.slow
APPLY = ("apply", "--server-side", "-f", "-")


def config_map(manager_data: dict[str, str]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": manager_data})


def deployment(replicas: int = 1, image: str = "a:1") -> str:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec})


def owners(kubectl: Kubectl, *what: str) -> list[tuple[str, str, str]]:
    shown: dict[str, Any] = json.loads(kubectl("get", *what, "-o", "json", "--show-managed-fields"))
    entries = shown["metadata"].get("managedFields", [])
    return [(entry["manager"], entry["operation"], entry.get("subresource", "")) for entry in entries]


def test_given_a_field_that_scale_owns_then_apply_conflicts_until_it_is_forced(kubectl: Kubectl) -> None:
    kubectl(*APPLY, stdin=deployment())
    kubectl("scale", "deployment/d", "--replicas=3")
    refused = kubectl.run(*APPLY, stdin=deployment())
    assert refused.returncode == 1
    text = (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
    )
    assert text in refused.stderr
    assert owners(kubectl, "deployment/d") == [("kubectl", "Apply", ""), ("kubectl", "Update", "scale")]
    kubectl(*APPLY, "--force-conflicts", stdin=deployment())
    assert owners(kubectl, "deployment/d") == [("kubectl", "Apply", "")]
    assert kubectl("get", "deployment/d", "-o", "jsonpath={.spec.replicas}") == "1"


def test_given_two_managers_then_what_one_leaves_out_goes_unless_the_other_states_it(kubectl: Kubectl) -> None:
    kubectl(*APPLY, "--field-manager=ann", stdin=config_map({"a": "1", "b": "2"}))
    kubectl(*APPLY, "--field-manager=bob", stdin=config_map({"b": "2", "c": "3"}))
    kubectl(*APPLY, "--field-manager=ann", stdin=config_map({}))
    assert json.loads(kubectl("get", "configmap/m", "-o", "json"))["data"] == {"b": "2", "c": "3"}
    assert owners(kubectl, "configmap/m") == [("ann", "Apply", ""), ("bob", "Apply", "")]  # ann states an empty map


def test_given_client_side_apply_then_server_side_apply_takes_over_without_conflict(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment())
    assert owners(kubectl, "deployment/d") == [("kubectl-client-side-apply", "Update", "")]
    kubectl(*APPLY, stdin=deployment(image="b:2"))
    assert ("kubectl", "Apply", "") in owners(kubectl, "deployment/d")
    assert "kubectl-client-side-apply" not in {name for name, _, _ in owners(kubectl, "deployment/d")}


def test_given_a_change_then_diff_shows_it_and_changes_nothing(kubectl: Kubectl) -> None:
    kubectl(*APPLY, stdin=deployment())
    version = kubectl("get", "deployment/d", "-o", "jsonpath={.metadata.resourceVersion}")
    shown = kubectl.run("diff", "--server-side", "-f", "-", stdin=deployment(image="b:2"))
    assert shown.returncode == 1, shown.stderr
    assert "-        - image: a:1" in shown.stdout.replace("-      - image", "-        - image")
    assert kubectl("get", "deployment/d", "-o", "jsonpath={.metadata.resourceVersion}") == version


def test_given_the_same_again_then_the_version_stays(kubectl: Kubectl) -> None:
    for arguments in (("apply", "-f", "-"), APPLY):
        kubectl(*arguments, stdin=deployment())
        version = kubectl("get", "deployment/d", "-o", "jsonpath={.metadata.resourceVersion}")
        kubectl(*arguments, stdin=deployment())
        assert kubectl("get", "deployment/d", "-o", "jsonpath={.metadata.resourceVersion}") == version


def test_given_create_and_replace_then_each_is_named_in_the_entries(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=config_map({"a": "1"}))
    kubectl("replace", "-f", "-", stdin=config_map({"a": "2"}))
    made, replaced = ("kubectl-create", "Update", ""), ("kubectl-replace", "Update", "")
    assert owners(kubectl, "configmap/m") == [made, replaced]  # the map itself stays the creator's
    kubectl("label", "configmap/m", "x=y")
    assert owners(kubectl, "configmap/m") == [made, ("kubectl-label", "Update", ""), replaced]
