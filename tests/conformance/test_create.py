"""kubectl create of every kind it knows."""

from __future__ import annotations

import base64
import json
import time

import pytest

from tests.conformance.conftest import Kubectl, column
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow
CREATES = {
    "deployment": ("deployment d --image=web:1 --replicas=2", "deployment.apps/d"),
    "cronjob": ("cronjob cj --image=done:1 --schedule=0_0_1_1_*", "cronjob.batch/cj"),
    "configmap": ("configmap cm --from-literal=a=b", "configmap/cm"),
    "secret generic": ("secret generic s --from-literal=a=b", "secret/s"),
    "secret docker-registry": ("secret docker-registry r --docker-username=u --docker-password=p", "secret/r"),
    "serviceaccount": ("serviceaccount robot", "serviceaccount/robot"),
    "role": ("role r --verb=get,list --resource=pods,pods/log", "role.rbac.authorization.k8s.io/r"),
    "rolebinding": (
        "rolebinding rb --role=r --user=ann --serviceaccount=x:y",
        "rolebinding.rbac.authorization.k8s.io/rb",
    ),
    "quota": ("quota q --hard=pods=9,cpu=4", "resourcequota/q"),
    "pdb": ("pdb b --min-available=50% --selector=a=b", "poddisruptionbudget.policy/b"),
    "service clusterip": ("service clusterip c --tcp=80:8080", "service/c"),
    "service nodeport": ("service nodeport n --tcp=80", "service/n"),
    "service loadbalancer": ("service loadbalancer l --tcp=80", "service/l"),
    "service externalname": ("service externalname e --external-name=example.com", "service/e"),
    "ingress": ("ingress i --rule=a.example.com/*=svc:80", "ingress.networking.k8s.io/i"),
}


@shows(*(f"create {kind}" for kind in CREATES))
@pytest.mark.parametrize("kind", CREATES)
def test_given_a_create_then_the_object_is_stored(k: Kubectl, kind: str) -> None:
    command, name = CREATES[kind]
    words = [word.replace("_", " ") for word in command.split()]
    if kind == "rolebinding":
        k("create", *CREATES["role"][0].split())
    assert k("create", *words) == f"{name} created\n"
    assert k("get", name, "-o", "name") == f"{name}\n"
    assert "already exists" in k.fails("create", *words)


@shows("create namespace", "create priorityclass", "create clusterrole", "create clusterrolebinding")
def test_given_what_has_no_namespace_then_it_is_created_and_deleted(k: Kubectl) -> None:
    name = f"x-{k.namespace}"
    for words, plural in (
        (("namespace", name), "namespace"),
        (("priorityclass", name, "--value=10"), "priorityclass"),
        (("clusterrole", name, "--verb=get", "--resource=nodes"), "clusterrole"),
        (("clusterrolebinding", name, "--clusterrole=view", "--user=ann"), "clusterrolebinding"),
    ):
        assert k("create", *words).endswith(f"/{name} created\n")
        assert name in k("delete", plural, name)
        assert k("get", plural, name, "--ignore-not-found") == ""


@shows("create job", "create job --from=cronjob")
def test_given_a_cron_job_then_a_job_of_it_runs(k: Kubectl) -> None:
    assert k("create", "job", "j", "--image=done:1", "--", "sleep", "1") == "job.batch/j created\n"
    k("create", "cronjob", "c", "--image=done:1", "--schedule=0 0 1 1 *")
    assert k("create", "job", "now", "--from=cronjob/c") == "job.batch/now created\n"
    k("wait", "--for=condition=complete", "job/j", "job/now", "--timeout=50s")
    jobs = k("get", "jobs")
    assert dict(zip(column(jobs, "NAME"), column(jobs, "COMPLETIONS"), strict=True)) == {"j": "1/1", "now": "1/1"}
    owner = json.loads(k("get", "job", "now", "-o", "json"))["metadata"]
    assert (owner["annotations"]["cronjob.kubernetes.io/instantiate"], owner["ownerReferences"][0]["kind"]) == (
        "manual",
        "CronJob",
    )


@shows("create token", "create -f", "create --dry-run=client", "create -f --validate")
def test_given_a_service_account_then_it_gets_a_token_that_ends(k: Kubectl) -> None:
    token = k("create", "token", "default", "--duration=20m").strip()
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["sub"] == f"system:serviceaccount:{k.namespace}:default"
    assert abs(claims["exp"] - time.time() - 1200) < 60
    assert k("auth", "whoami", f"--token={token}", "-o", "jsonpath={.status.userInfo.username}") == claims["sub"]
    manifest = k("create", "configmap", "c", "--dry-run=client", "-o", "yaml")
    assert k("create", "-f", "-", stdin=manifest) == "configmap/c created\n"
    broken = manifest.replace("kind: ConfigMap", "kind: ConfigMap\nextra: 1")
    assert 'unknown field "extra"' in k.fails("create", "-f", "-", stdin=broken)
