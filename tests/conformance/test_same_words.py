"""The same command lines on the embedded cluster and on a real control plane (HARNESS_CONTROL_PLANE): equal output and exit codes.

On the real side no kubelet runs, and here pods of these scripts find no node either (they select one that is not there), so that both show what the API, the
controllers and the scheduler make of them. Ages, generated suffixes, identities, addresses and moments are taken away before comparing,
and generations: a Deployment's revision is written with its status upstream, which leaves the generation, and with the object here.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.conftest import Kubectl
from tests.harness.kubectl import TIMEOUT_S

pytestmark = pytest.mark.slow
_KUBECONFIG = os.environ.get("HARNESS_CONTROL_PLANE", "")
if not _KUBECONFIG:
    pytest.skip("HARNESS_CONTROL_PLANE names no kubeconfig of a real control plane", allow_module_level=True)

Run = Callable[[list[str], str], tuple[int, str, str]]
SETTLED_S = 60.0
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {nodeSelector: {not: there}, containers: [{name: main, image: "web:1", ports: [{containerPort: 80}], resources: {requests: {cpu: 100m}}}]}
"""
SCRIPTS: dict[str, list[str | tuple[str, str]]] = {
    "configuration": [
        "create configmap c --from-literal=a=b",
        "create secret generic s --from-literal=a=b",
        "get configmap,secret",
        "describe configmap c",
        "describe secret s",
        "label configmap c x=y",
        "label configmap c x=z",
        "annotate configmap c n=1",
        "get configmap c --show-labels",
        "patch configmap c -p {}",
        "delete configmap c",
        "delete configmap c",
        "get configmap c",
    ],
    "a deployment": [
        ("apply -f -", WORKLOAD),
        ("apply -f -", WORKLOAD),
        "?get rs -o jsonpath={.items[0].status.replicas}=2",
        ("diff -f -", WORKLOAD.replace("web:1", "web:2")),
        "get deployment,rs -o wide",
        "get pods",
        "scale deployment web --replicas=1",
        "scale deployment web --replicas=1 --current-replicas=5",
        "rollout history deployment web",
        "set image deployment/web main=web:2",
        "?get rs -o jsonpath={.items[*].metadata.annotations.deployment\\.kubernetes\\.io/revision}=* *",
        "rollout history deployment web",
        "rollout undo deployment web --to-revision=7",
        "rollout pause deployment web",
        "rollout pause deployment web",
        "rollout undo deployment web",
        "rollout resume deployment web",
        "delete deployment web",
    ],
    "jobs": [
        "create job j --image=x:1 --dry-run=client -o yaml",
        "create cronjob c --image=x:1 --schedule=61_*_*_*_*",
        "create cronjob c --image=x:1 --schedule=0_0_1_1_*",
        "get cronjob",
        "create job j --from=cronjob/c",
        "create job k --from=cronjob/nope",
        "?get job j -o jsonpath={.status.active}=1",
        "get jobs -o wide",
        "delete job j",
    ],
    "services": [
        "create service clusterip c --tcp=80:8080",
        "create service nodeport n --tcp=80 --node-port=30555",
        "create service externalname e --external-name=example.com",
        "create service clusterip h --clusterip=None --tcp=5432",
        "create ingress i --rule=a.example.com/*=c:80",
        "get ingress",
        "describe ingress i",
        "delete service n",
    ],
    "policy": [
        "create quota q --hard=pods=1,configmaps=9",
        "create pdb b --min-available=1 --selector=a=b",
        "get pdb",
        "describe pdb b",
        "create role r --verb=get,list --resource=pods",
        "create rolebinding rb --role=r --user=ann --serviceaccount=x:y",
        "describe role r",
        "describe rolebinding rb",
        "get role,rolebinding -o name",
        "create role r --verb=get --resource=nopes",
        "autoscale deployment nope --max=3",
        "delete pdb b",
    ],
    "mistakes": [
        "get pods nope",
        "get nopes",
        "describe pod nope",
        "delete pod nope",
        "logs nope",
        "exec nope -- ls",
        "create configmap Not_A_Name",
        "create namespace x.y",
        ("apply -f -", WORKLOAD.replace("replicas", "replikas")),
        ("apply -f -", WORKLOAD.replace("replicas: 2", "replicas: two")),
        ("apply -f -", WORKLOAD.replace("labels: {app: web}}", "labels: {app: other}}")),
        ("create -f -", "kind: Nope\napiVersion: v1\nmetadata: {name: x}"),
        "get pods --field-selector=spec.nope=1",
        "explain pod.spec.nope",
        "wait --for=condition=Ready pod/nope --timeout=1s",
        "auth can-i get pods",
        "top pod nope --use-protocol-buffers=false --no-headers=maybe",
    ],
    "explanations": [
        "explain deployment.spec.strategy",
        "explain pod.spec.containers.livenessProbe --recursive",
        "explain hpa --api-version=autoscaling/v2",
        "explain cronjob.spec.concurrencyPolicy",
        "explain node.status.capacity",
    ],
}


def normal(text: str, namespace: str) -> str:
    """Without what differs between any two runs."""
    text = re.sub(rf"\b{namespace}\b", "NS", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT", text)
    text = re.sub(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UID", text)
    text = re.sub(r"\b(?:10|172)\.\d+\.\d+\.\d+\b", "ADDRESS", text)
    text = re.sub(r"\b(web|j|ds)-[bcdf-hj-np-tv-z2456789]{5,10}(-[bcdf-hj-np-tv-z2456789]{5})?\b", r"\1-SUFFIX", text)
    text = re.sub(r"\(x\d+ over \w+\)", "(TIMES)", text)
    text = re.sub(r"resourceVersion: \"\d+\"", "resourceVersion: NUMBER", text)
    text = re.sub(r"\d{4}-\d\d-\d\d [\d:.]+ \+0000", "MOMENT", text)
    text = re.sub(r"generation: \d+", "generation: NUMBER", text)
    text = re.sub(r"pod-template-hash=\w+", "pod-template-hash=HASH", text)
    text = re.sub(r"(?<= )(?:\d+[dhms])+(?:\d+[hms])*(?= |$)", "AGE", text, flags=re.MULTILINE)
    text = re.sub(r"/tmp/(LIVE|MERGED)-\d+", r"/tmp/\1", text)
    return re.sub(r"[ \t]+", " ", re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", SCRIPTS)
def test_given_the_same_commands_then_both_sides_say_the_same(k: Kubectl, name: str, tmp_path: Path) -> None:
    namespace = f"words-{secrets.token_hex(4)}"

    def there(arguments: list[str], stdin: str) -> tuple[int, str, str]:
        environment = {"HOME": str(tmp_path), "KUBECONFIG": _KUBECONFIG, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [str(k.program), "-n", namespace, *arguments], input=stdin, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )  # fmt: skip
        return done.returncode, normal(done.stdout, namespace), normal(done.stderr, namespace)

    def here(arguments: list[str], stdin: str) -> tuple[int, str, str]:
        done = k.run("-n", k.namespace, *arguments, stdin=stdin)
        return done.returncode, normal(done.stdout, k.namespace), normal(done.stderr, k.namespace)

    assert there(["create", "namespace", namespace], "")[0] == 0
    try:
        wait(there, ["get", "serviceaccount", "default", "-o", "name"], "serviceaccount/default\n")
        differences = []
        for step in SCRIPTS[name]:
            command, stdin = (step, "") if isinstance(step, str) else step
            if command.startswith("?"):
                asked, _, wanted = command[1:].rpartition("=")
                for side in (there, here):
                    wait(side, asked.split(), wanted)
                continue
            arguments = [word.replace("_", " ") if "schedule" in word else word for word in command.split()]
            real, ours = there(arguments, stdin), here(arguments, stdin)
            if real != ours:
                differences.append(
                    f"kubectl {command}\n--- real {real[0]}\n{real[1]}{real[2]}--- ours {ours[0]}\n{ours[1]}{ours[2]}"
                )
        assert not differences, "\n".join(differences)
    finally:
        there(["delete", "namespace", namespace, "--wait=false"], "")


def wait(run: Run, arguments: list[str], wanted: str) -> None:
    """Until a command prints what is wanted (a star stands for anything)."""
    pattern = re.escape(wanted).replace(r"\*", r"\S+")
    end = time.monotonic() + SETTLED_S
    while not re.fullmatch(pattern, found := run(arguments, "")[1]):
        assert time.monotonic() < end, f"{arguments} printed {found!r}, not {wanted!r}"
        time.sleep(0.1)
