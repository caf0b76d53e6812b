"""kubectl describe of the kinds people describe: read from the API, with the events of the object."""

from __future__ import annotations

import re

import pytest

from tests.conformance.conftest import Kubectl
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow


@shows("describe node", "describe pod")
def test_given_a_pod_on_a_node_then_both_are_described(k: Kubectl) -> None:
    k.pod(
        "p",
        "--overrides",
        '{"spec":{"containers":[{"name":"p","image":"app:1","resources":{"requests":{"cpu":"100m"}}}]}}',
    )
    pod = k("describe", "pod", "p")
    assert re.search(r"Normal\s+Scheduled\s+.*default-scheduler\s+Successfully assigned \S+/p to n\d", pod)
    assert re.search(r"Normal\s+Started\s+.*kubelet\s+.*[Cc]ontainer", pod)
    assert re.search(r"State:\s+Running", pod)
    node = re.search(r"Node:\s+(n\d)", pod)
    assert node is not None
    described = k("describe", "node", node[1])
    assert re.search(rf"{k.namespace}\s+p\s+100m \(2%\)", described)
    assert re.search(r"Ready\s+True\s", described)
    assert re.search(r"AcquireTime|RenewTime", described)


@shows("describe deployment", "describe replicaset", "describe service", "describe configmap", "describe secret")
def test_given_a_deployment_and_what_belongs_to_it_then_they_are_described(k: Kubectl) -> None:
    k.deployment("web", replicas=2)
    k("expose", "deployment", "web", "--port=80")
    k("create", "secret", "generic", "s", "--from-literal=a=bcd")
    k("create", "configmap", "c", "--from-literal=a=b")
    deployment = k("describe", "deployment", "web")
    assert re.search(r"Replicas:\s+2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable", deployment)
    assert re.search(
        r"ScalingReplicaSet\s+.*deployment-controller\s+Scaled up replica set web-\S+ from 0 to 2", deployment
    )
    assert re.search(r"Controlled By:\s+Deployment/web", k("describe", "rs"))
    assert re.search(r"Endpoints:\s+10\.\S+:80,10\.\S+:80", k("describe", "service", "web"))
    assert re.search(r"a:\s+3 bytes", k("describe", "secret", "s"))
    assert "b" in k("describe", "configmap", "c")


@shows(
    "describe job",
    "describe cronjob",
    "describe hpa",
    "describe pvc",
    "describe pdb",
    "describe quota",
    "describe limits",
)
def test_given_other_kinds_then_they_are_described(k: Kubectl) -> None:
    k("create", "job", "j", "--image=done:1")
    k("wait", "--for=condition=complete", "job/j", "--timeout=50s")
    assert re.search(r"Pods Statuses:\s+0 Active \(0 Ready\) / 1 Succeeded / 0 Failed", k("describe", "job", "j"))
    assert re.search(r"Completed\s+.*job-controller\s+Job completed", k("describe", "job", "j"))
    k("create", "cronjob", "c", "--image=done:1", "--schedule=0 0 1 1 *")
    assert re.search(r"Schedule:\s+0 0 1 1 \*", k("describe", "cronjob", "c"))
    k.deployment("web")
    k("autoscale", "deployment", "web", "--cpu=50%", "--min=1", "--max=3")
    assert re.search(r"resource cpu on pods\s+\(as a percentage of request\):", k("describe", "hpa", "web"))
    k("create", "pdb", "b", "--min-available=1", "--selector=app=web")
    assert re.search(r"Min available:\s+1", k("describe", "pdb", "b"))
    claim = f"""
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: claim, namespace: {k.namespace}}}
spec: {{accessModes: [ReadWriteOnce], storageClassName: slow, resources: {{requests: {{storage: 1Gi}}}}}}
"""
    k("apply", "-f", "-", stdin=claim)
    described = k("describe", "pvc", "claim")
    assert re.search(r"StorageClass:\s+slow", described)
    assert re.search(r"Used By:\s+<none>", described)
    k("create", "quota", "q", "--hard=pods=10")
    assert re.search(r"pods\s+\d+\s+10", k("describe", "quota", "q"))
    limits = (
        "apiVersion: v1\nkind: LimitRange\nmetadata: {name: l}\nspec: {limits: [{type: Container, max: {cpu: '2'}}]}"
    )
    k("apply", "-f", "-", stdin=limits)
    assert re.search(r"Container\s+cpu\s+-\s+2\s+2\s+2", k("describe", "limits", "l"))


@shows("describe namespace", "describe storageclass", "describe -l")
def test_given_names_and_labels_then_describe_finds_them(k: Kubectl) -> None:
    assert re.search(rf"Name:\s+{k.namespace}", k("describe", "namespace", k.namespace))
    assert re.search(r"Provisioner:\s+none.example.com", k("describe", "storageclass", "slow"))
    k("create", "configmap", "c")
    k("label", "configmap", "c", "a=b")
    assert re.search(r"Labels:\s+a=b", k("describe", "configmap", "-l", "a=b"))
    assert k.fails("describe", "pod", "nope") == 'Error from server (NotFound): pods "nope" not found\n'
