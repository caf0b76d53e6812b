"""kubectl auth, and acting as somebody else: everything is allowed by default; with RBAC, what the roles say."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.clock import Kernel, Seeds
from harness.cluster.api import ApiServer
from harness.cluster.store import Store
from harness.kube.objects import new_object
from harness.kube.resources import NAMESPACES
from tests.conformance.conftest import Cluster, Kubectl, table
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow


@pytest.fixture
def guarded(cluster: Cluster, kubectl_program: Path, tmp_path: Path) -> Iterator[Kubectl]:
    """kubectl at a server of its own that decides by RBAC; no controller runs there."""
    kernel = Kernel(cluster.kernel.present)
    store = Store(kernel, Seeds(9))
    kernel.start()
    server = ApiServer(kernel, store, version="v1.34.4", log_path=lambda *_: None, authorization="RBAC").start()
    kernel.call(lambda: store.create(NAMESPACES, new_object(NAMESPACES, "team")))
    home = tmp_path / "guarded"
    config = yaml.safe_load(server.kubeconfig(home / "config").read_text())
    config["contexts"][0]["context"]["namespace"] = "team"
    (home / "config").write_text(yaml.safe_dump(config))
    yield Kubectl(kubectl_program, home, namespace="team", cluster=cluster)
    server.close()
    kernel.close()


@shows("auth can-i", "auth can-i --list", "auth can-i --as", "auth whoami", "--as", "--as-group")
def test_given_rbac_then_kubectl_says_who_may_what(guarded: Kubectl) -> None:
    k = guarded
    assert table(k("auth", "whoami")) == [
        ["ATTRIBUTE", "VALUE"],
        ["Username", "kubernetes-admin"],
        ["Groups", "[system:masters system:authenticated]"],
    ]
    assert k("auth", "can-i", "delete", "pods").strip() == "yes"
    assert k.run("auth", "can-i", "delete", "pods", "--as=ann").stdout.strip() == "no"
    k("create", "rolebinding", "ann", "--clusterrole=view", "--user=ann")
    assert k("auth", "can-i", "list", "pods", "--as=ann").strip() == "yes"
    assert k.run("auth", "can-i", "list", "pods", "--as=ann", "-n", "other").stdout.strip() == "no"
    assert k.run("auth", "can-i", "list", "secrets", "--as=ann").stdout.strip() == "no"
    k("create", "rolebinding", "group", "--clusterrole=edit", "--group=makers")
    assert k("auth", "can-i", "create", "deployments.apps", "--as=bob", "--as-group=makers").strip() == "yes"
    rules = {row[0]: row for row in table(k("auth", "can-i", "--list", "--as=ann"))}
    assert rules["configmaps"][-1] == "[get list watch]"
    assert k("get", "pods", "--as=ann") == ""
    assert k.fails("get", "secrets", "--as=ann") == (
        'Error from server (Forbidden): secrets is forbidden: User "ann" cannot list resource "secrets" in API group "" in the namespace "team"\n'
    )
    assert k.fails("create", "rolebinding", "more", "--clusterrole=admin", "--user=bob", "--as=ann").startswith(
        "error: failed to create rolebinding: rolebindings.rbac.authorization.k8s.io is forbidden"
    )


@shows("auth reconcile")
def test_given_roles_in_a_file_then_auth_reconcile_makes_them(guarded: Kubectl) -> None:
    k = guarded
    role = k("create", "role", "r", "--verb=get", "--resource=pods", "--dry-run=client", "-o", "yaml")
    role = role.replace("name: r\n", "name: r\n  namespace: team\n")
    assert k("auth", "reconcile", "-f", "-", stdin=role).startswith("role.rbac.authorization.k8s.io/r reconciled\n")
    more = k.run("auth", "reconcile", "-f", "-", stdin=role.replace("- get", "- get\n  - list"))
    assert "reconciliation required update" in more.stdout + more.stderr
    verbs = k("get", "role", "r", "-o", "jsonpath={.rules[*].verbs[*]}").split()
    assert sorted(set(verbs)) == ["get", "list"]


@shows("auth can-i with AlwaysAllow")
def test_given_the_default_then_everything_is_allowed(k: Kubectl) -> None:
    assert k("auth", "can-i", "*", "*").strip() == "yes"
    assert k("auth", "can-i", "delete", "nodes", "--as=ann").strip() == "yes"
    assert "*.*" in k("auth", "can-i", "--list")


@shows("get apiservices", "create clusterrole --aggregation-rule")
def test_given_a_served_cluster_then_its_own_controllers_answer(k: Kubectl) -> None:
    listed = {row[0]: row[1:3] for row in table(k("get", "apiservices"))}
    assert listed["v1.apps"] == ["Local", "True"]
    assert listed["v1beta1.metrics.k8s.io"] == ["kube-system/metrics-server", "True"]

    whole, part = f"whole-{k.namespace}", f"part-{k.namespace}"
    try:
        k("create", "clusterrole", whole, f"--aggregation-rule=part-of={whole}")
        k("create", "clusterrole", part, "--verb=get", "--resource=pods")
        k("label", "clusterrole", part, f"part-of={whole}")
        k("wait", "--for=jsonpath={.rules[0].resources[0]}=pods", f"clusterrole/{whole}", "--timeout=20s")
    finally:
        k("delete", "clusterrole", "--ignore-not-found", whole, part)

    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "held", "annotations": {"kubernetes.io/service-account.name": "default"}},
        "type": "kubernetes.io/service-account-token",
    }
    k("create", "-f", "-", stdin=yaml.safe_dump(manifest))
    k("wait", "--for=jsonpath={.data.token}", "secret/held", "--timeout=20s")
    token = base64.b64decode(k("get", "secret", "held", "-o", "jsonpath={.data.token}")).decode()
    who = k("auth", "whoami", f"--token={token}", "-o", "jsonpath={.status.userInfo.username}")
    assert who == f"system:serviceaccount:{k.namespace}:default"
    assert "token:" in k("describe", "secret", "held")
