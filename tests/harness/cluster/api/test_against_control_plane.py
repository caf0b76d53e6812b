"""The same requests to the embedded server and to a real control plane (1.34), whose kubeconfig HARNESS_CONTROL_PLANE names: equal codes, texts and objects.

What differs on purpose is taken away before comparing: identities and moments, managedFields, the token volume that the real ServiceAccount admission adds,
the finalizers that keep claims and definitions while they are used, and the Go structs that a few real messages print.
"""

from __future__ import annotations

import base64
import http.client
import os
import re
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.harness.cluster.api.conftest import TIMEOUT_S, Face

pytestmark = pytest.mark.slow
_KUBECONFIG = os.environ.get("HARNESS_CONTROL_PLANE", "")
if not _KUBECONFIG:
    pytest.skip("HARNESS_CONTROL_PLANE names no kubeconfig of a real control plane", allow_module_level=True)

Send = Callable[[str, str, Any, str], tuple[int, Any]]
Step = tuple[str, str, Any] | tuple[str, str, Any, str]
MERGE, STRATEGIC, JSON_PATCH = (
    f"application/{kind}+json" for kind in ("merge-patch", "strategic-merge-patch", "json-patch")
)
_RANDOM = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "managedFields", "clusterIP", "clusterIPs"}
)
_BY_CONTROLLERS: dict[str, frozenset[str]] = {  # a moment later, by controllers that run beside the real server only
    kind: frozenset({"status"}) for kind in ("Job", "Deployment", "CustomResourceDefinition")
}
_PROTECTIONS = ("kubernetes.io/pvc-protection", "customresourcecleanup.apiextensions.k8s.io")
_TOKEN = "kube-api-access-"

CONTAINER = {"name": "c", "image": "a:1"}
JOBS, DEPLOYMENTS = "/apis/batch/v1/namespaces/NS/jobs", "/apis/apps/v1/namespaces/NS/deployments"
PODS, MAPS, SECRETS = (f"/api/v1/namespaces/NS/{plural}" for plural in ("pods", "configmaps", "secrets"))
CLAIMS, SERVICES, BUDGETS = (
    "/api/v1/namespaces/NS/persistentvolumeclaims",
    "/api/v1/namespaces/NS/services",
    "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
)


def named(name: str, **body: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **body}


def pod(name: str = "p", container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return named(name, spec={"containers": [{**CONTAINER, **(container or {})}], **spec})


def job(name: str = "j", restart: str = "Never", **spec: Any) -> dict[str, Any]:
    return named(
        name,
        spec={"suspend": True, "template": {"spec": {"restartPolicy": restart, "containers": [CONTAINER]}}, **spec},
    )


def deployment(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
    return named(
        "d", spec={"paused": True, "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    )


def widgets(group: str = "NS.example.com") -> dict[str, Any]:
    properties = {
        "size": {"type": "integer", "minimum": 1},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "required": ["size"], "properties": properties}},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    names = {"plural": "widgets", "kind": "Widget"}
    return named(
        f"widgets.{group}", spec={"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    )


SCENARIOS: dict[str, list[Step]] = {
    "a pod's defaults": [("POST", PODS, pod())],
    "a pod with everything": [
        (
            "POST",
            PODS,
            pod(
                container={
                    "image": "a",
                    "ports": [{"containerPort": 80}],
                    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                    "readinessProbe": {"httpGet": {"port": 80}},
                    "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": 0.25}},
                    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                },
                initContainers=[{"name": "i", "image": "b@sha256:" + "0" * 64}],
                volumes=[
                    {"name": "v"},
                    {"name": "w", "configMap": {"name": "x"}},
                    {"name": "h", "hostPath": {"path": "/x"}},
                ],
                tolerations=[
                    {
                        "key": "node.kubernetes.io/not-ready",
                        "operator": "Exists",
                        "effect": "NoExecute",
                        "tolerationSeconds": 5,
                    }
                ],
                priorityClassName="system-node-critical",
                nodeSelector={"a": "b"},
                hostNetwork=True,
            ),
        )
    ],
    "guaranteed": [("POST", PODS, pod(container={"resources": {"limits": {"cpu": 1, "memory": "1Gi"}}}))],
    "a job's defaults": [("POST", JOBS, job())],
    "a job with policies": [
        (
            "POST",
            JOBS,
            job(
                completionMode="Indexed",
                completions=3,
                parallelism=2,
                backoffLimitPerIndex=1,
                podFailurePolicy={"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]},
            ),
        )
    ],
    "a job's wrong numbers": [
        (
            "POST",
            JOBS,
            job(parallelism=-1, completions=-1, backoffLimit=-1, activeDeadlineSeconds=-1, ttlSecondsAfterFinished=-1),
        ),
        ("POST", JOBS, job(restart="Always")),
        ("POST", JOBS, job(restart="Sometimes", completionMode="Foo")),
        ("POST", JOBS, job(completionMode="Indexed", parallelism=1)),
        ("POST", JOBS, job(backoffLimitPerIndex=1)),
        ("POST", JOBS, job(maxFailedIndexes=1, completionMode="Indexed", completions=2)),
        ("POST", JOBS, job(restart="OnFailure", podFailurePolicy={"rules": []})),
        ("POST", JOBS, job(podReplacementPolicy="Never")),
        (
            "POST",
            JOBS,
            job(
                podFailurePolicy={"rules": [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [1]}}]}
            ),
        ),
        ("POST", JOBS, job("J_")),
    ],
    "a job is immutable": [
        ("POST", JOBS, job()),
        ("PATCH", f"{JOBS}/j", {"spec": {"completions": 3}}),
        ("PATCH", f"{JOBS}/j", {"spec": {"completionMode": "Indexed"}}),
        ("PATCH", f"{JOBS}/j", {"spec": {"parallelism": 4}}),
        ("PATCH", f"{JOBS}/j", {"spec": {"backoffLimit": 4}}),
        ("PATCH", f"{JOBS}/j", {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}),
    ],
    "a deployment": [
        ("POST", DEPLOYMENTS, deployment()),
        (
            "PATCH",
            f"{DEPLOYMENTS}/d",
            {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "a:2"}]}}}},
            STRATEGIC,
        ),
        ("PATCH", f"{DEPLOYMENTS}/d", {"metadata": {"annotations": {"x": "y"}}}),
        ("PATCH", f"{DEPLOYMENTS}/d", {"spec": {"replicas": -1}}),
        ("PATCH", f"{DEPLOYMENTS}/d", {"spec": {"selector": {"matchLabels": {"a": "c"}}}}),
        ("GET", f"{DEPLOYMENTS}/d/scale", None),
    ],
    "a wrong deployment": [
        ("POST", DEPLOYMENTS, deployment(selector=None)),
        ("POST", DEPLOYMENTS, deployment(selector={"matchLabels": {"x": "y"}})),
        ("POST", DEPLOYMENTS, deployment(selector={})),
        ("POST", DEPLOYMENTS, deployment(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}})),
        ("POST", DEPLOYMENTS, deployment(strategy={"type": "Other"})),
    ],
    "wrong pods": [
        ("POST", PODS, {"metadata": {}, "spec": {"containers": [CONTAINER]}}),
        ("POST", PODS, named("p", spec={})),
        ("POST", PODS, pod("P")),
        ("POST", PODS, pod(serviceAccountName="nope")),
        ("POST", PODS, pod(priorityClassName="nope")),
        ("POST", PODS, pod(priority=7)),
        ("POST", PODS, pod(container={"image": ""})),
        ("POST", PODS, pod(container={"image": " a"})),
        ("POST", PODS, pod(container={"name": ""})),
        ("POST", PODS, pod(container={"imagePullPolicy": "Now"})),
        ("POST", PODS, pod(container={"env": [{"name": ""}]})),
        (
            "POST",
            PODS,
            pod(
                container={
                    "env": [{"name": "a", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
                }
            ),
        ),
        ("POST", PODS, pod(container={"ports": [{"containerPort": 70000}]})),
        ("POST", PODS, pod(container={"volumeMounts": [{"name": "nope", "mountPath": "/x"}]})),
        ("POST", PODS, pod(container={"volumeMounts": [{"name": "v", "mountPath": ""}]}, volumes=[{"name": "v"}])),
        (
            "POST",
            PODS,
            pod(container={"volumeMounts": [{"name": "v", "mountPath": "/a"}] * 2}, volumes=[{"name": "v"}]),
        ),
        ("POST", PODS, pod(container={"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}})),
        ("POST", PODS, pod(container={"resources": {"requests": {"memory": "-1"}}})),
        ("POST", PODS, pod(container={"resources": {"requests": {"gpu": "1"}}})),
        ("POST", PODS, pod(container={"resources": {"requests": {"nvidia.com/gpu": "1"}}})),
        (
            "POST",
            PODS,
            pod(container={"resources": {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "2"}}}),
        ),
        ("POST", PODS, pod(volumes=[{"name": "v"}, {"name": "v"}])),
        ("POST", PODS, pod(volumes=[{"name": "V"}])),
        ("POST", PODS, pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": ""}}])),
        ("POST", PODS, pod(restartPolicy="X")),
        ("POST", PODS, pod(dnsPolicy="X")),
        ("POST", PODS, pod(activeDeadlineSeconds=0)),
        ("POST", PODS, pod(nodeSelector={"a b": "c"})),
        ("POST", PODS, pod(tolerations=[{"operator": "Equal", "value": "x"}])),
        ("POST", PODS, pod(tolerations=[{"key": "a", "operator": "In"}])),
        ("POST", PODS, pod(tolerations=[{"key": "a", "effect": "Never"}])),
        ("POST", PODS, pod(tolerations=[{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 3}])),
        (
            "POST",
            PODS,
            {
                "metadata": {"name": "p", "labels": {"a b": "c d"}, "finalizers": ["x"]},
                "spec": {"containers": [CONTAINER]},
            },
        ),
        ("POST", PODS, {"metadata": {"name": "p", "annotations": {"a b": ""}}, "spec": {"containers": [CONTAINER]}}),
        ("POST", PODS, {"metadata": {"name": "p" * 254}, "spec": {"containers": [CONTAINER]}}),
    ],
    "what Go cannot decode": [
        ("POST", PODS, named("p", spec=[])),
        ("POST", PODS, pod(container={"args": [1]})),
        ("POST", PODS, pod(container={"env": [{"name": "a", "value": 1}]})),
        ("POST", PODS, pod(container={"resources": {"requests": {"cpu": "1x"}}})),
        ("POST", PODS, pod(nodeSelector={"a": True})),
        ("POST", JOBS, job(backoffLimit="6")),
        ("POST", JOBS, job(suspend="no")),
        ("POST", MAPS, named("x", data={"a": 1})),
        ("POST", MAPS, named("x", data=[])),
        ("POST", f"{MAPS}?fieldValidation=Strict", named("x", dota={})),
        ("POST", f"{PODS}?fieldValidation=Strict", pod(container={"imag": "x"}, foo=1)),
        ("POST", MAPS, {"kind": "Pod", "apiVersion": "v1", **named("x")}),
    ],
    "a pod's life": [
        ("POST", PODS, pod(schedulerName="none")),
        ("POST", PODS, pod()),
        ("PATCH", f"{PODS}/p", {"spec": {"containers": [{"name": "c", "image": "a:2"}]}}, STRATEGIC),
        ("PATCH", f"{PODS}/p", {"spec": {"activeDeadlineSeconds": 10}}),
        ("PATCH", f"{PODS}/p", {"spec": {"activeDeadlineSeconds": 20}}),
        ("PATCH", f"{PODS}/p", {"spec": {"activeDeadlineSeconds": None}}),
        ("PATCH", f"{PODS}/p", {"spec": {"tolerations": []}}),
        ("PATCH", f"{PODS}/p", {"spec": {"containers": [{"name": "d", "image": "a:2"}]}}, STRATEGIC),
        ("PATCH", f"{PODS}/p", {"metadata": {"resourceVersion": "1"}}),
        ("PATCH", f"{PODS}/p", [{"op": "remove", "path": "/spec/nope"}], JSON_PATCH),
        ("PATCH", f"{PODS}/p", [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}], JSON_PATCH),
        ("POST", f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}),
        ("POST", f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}),
        ("PATCH", f"{PODS}/p/status", {"status": {"phase": "Running", "message": "m"}}),
        ("DELETE", f"{PODS}/p?gracePeriodSeconds=100", None),
        ("DELETE", f"{PODS}/p?gracePeriodSeconds=50", None),
        ("DELETE", f"{PODS}/p?gracePeriodSeconds=80", None),
        ("DELETE", f"{PODS}/p?gracePeriodSeconds=0", None),
        ("GET", f"{PODS}/p", None),
    ],
    "a pod without a node goes at once": [
        ("POST", PODS, pod(schedulerName="none")),
        ("DELETE", f"{PODS}/p", None),
        ("GET", f"{PODS}/p", None),
    ],
    "configuration": [
        ("POST", MAPS, named("c", data={"a": "1"})),
        ("POST", MAPS, named("c")),
        ("PUT", f"{MAPS}/c", named("c", data={"a": "2"}, immutable=True)),
        ("PUT", f"{MAPS}/c", named("c", data={"a": "3"}, immutable=True)),
        ("PUT", f"{MAPS}/c", named("c", data={"a": "2"})),
        ("PUT", f"{MAPS}/c", named("d")),
        ("PUT", f"{MAPS}/zz", {"metadata": {"name": "zz", "resourceVersion": "1"}}),
        ("POST", MAPS, {"metadata": {"name": "x", "namespace": "other"}}),
        ("POST", MAPS, named("x", data={"a b": "c"})),
        ("POST", MAPS, named("X")),
        ("POST", "/api/v1/namespaces/nope/configmaps", named("x")),
        ("DELETE", f"{MAPS}/c", {"preconditions": {"uid": "abc"}}),
        ("DELETE", f"{MAPS}/c", {"preconditions": {"resourceVersion": "1"}}),
        ("DELETE", f"{MAPS}/c", None),
        ("DELETE", f"{MAPS}/c", None),
        ("POST", SECRETS, named("s", stringData={"a": "b"})),
        ("PATCH", f"{SECRETS}/s", {"type": "Other"}),
        ("PATCH", f"{SECRETS}/s", {"stringData": {"c": "d"}}),
    ],
    "finalizers": [
        ("POST", MAPS, {"metadata": {"name": "c", "finalizers": ["a.b/c"]}}),
        ("DELETE", f"{MAPS}/c", None),
        ("PATCH", f"{MAPS}/c", {"metadata": {"finalizers": ["a.b/c", "a.b/d"]}}),
        ("PATCH", f"{MAPS}/c", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.b/c"]}}, STRATEGIC),
        ("GET", f"{MAPS}/c", None),
    ],
    "claims, services, budgets": [
        (
            "POST",
            CLAIMS,
            named(
                "c",
                spec={
                    "accessModes": ["ReadWriteMany"],
                    "resources": {"requests": {"storage": "1024Mi"}},
                    "storageClassName": "",
                },
            ),
        ),
        ("POST", CLAIMS, named("e", spec={})),
        ("POST", CLAIMS, named("e", spec={"accessModes": ["Other"], "resources": {"requests": {"storage": "-1"}}})),
        ("POST", SERVICES, named("s", spec={"ports": [{"port": 80}], "selector": {"a": "b"}})),
        ("POST", SERVICES, named("1s", spec={"ports": [{"port": 80}]})),
        ("POST", SERVICES, named("t", spec={})),
        ("POST", SERVICES, named("t", spec={"ports": [{"port": 0}]})),
        ("POST", BUDGETS, named("b", spec={"minAvailable": 1, "maxUnavailable": 1})),
    ],
    "definitions": [
        (
            "POST",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            {**widgets(), "metadata": {"name": "other"}},
        ),
        ("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", widgets()),
        ("WAIT", "/apis/NS.example.com/v1/namespaces/NS/widgets", None),
        (
            "POST",
            "/apis/NS.example.com/v1/namespaces/NS/widgets",
            {
                "apiVersion": "NS.example.com/v1",
                "kind": "Widget",
                **named("w", spec={"size": 1, "free": {"x": 1}, "gone": 1}, status={"a": 1}),
            },
        ),
        (
            "POST",
            "/apis/NS.example.com/v1/namespaces/NS/widgets",
            {"apiVersion": "NS.example.com/v1", "kind": "Widget", **named("v", spec={"size": 0})},
        ),
        (
            "POST",
            "/apis/NS.example.com/v1/namespaces/NS/widgets",
            {"apiVersion": "NS.example.com/v1", "kind": "Widget", **named("v", spec={"size": "big"})},
        ),
        (
            "POST",
            "/apis/NS.example.com/v1/namespaces/NS/widgets",
            {"apiVersion": "NS.example.com/v1", "kind": "Widget", **named("v", spec={})},
        ),
        (
            "POST",
            "/apis/NS.example.com/v1/namespaces/NS/widgets",
            {"apiVersion": "NS.example.com/v1", "kind": "Widget", **named("v", spec={"size": 1, "colour": "green"})},
        ),
        ("PATCH", "/apis/NS.example.com/v1/namespaces/NS/widgets/w", {"spec": {"size": 2}}),
        ("PATCH", "/apis/NS.example.com/v1/namespaces/NS/widgets/w/status", {"status": {"a": 1}}),
        ("PATCH", "/apis/NS.example.com/v1/namespaces/NS/widgets/w", {"spec": {"size": 2}}, STRATEGIC),
        ("DELETE", "/apis/NS.example.com/v1/namespaces/NS/widgets/w", None),
    ],
    "places": [
        ("GET", "/api/v1/namespaces/NS/nope", None),
        ("GET", f"{PODS}/nope", None),
        ("GET", f"{PODS}/nope/log", None),
        ("PUT", PODS, None),
        ("POST", "/api/v1/pods", pod()),
        ("GET", f"{MAPS}?fieldSelector=spec.x%3D1", None),
        ("GET", f"{PODS}?fieldSelector=spec.x%3D1", None),
        ("GET", f"{MAPS}?limit=x", None),
        ("DELETE", "/api/v1/namespaces/default", None),
        ("GET", "/api/v1/namespaces/NS", None),
    ],
}


@pytest.fixture(scope="module")
def real() -> Send:
    path = Path(_KUBECONFIG)
    config = yaml.safe_load(path.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    chain = b"".join(base64.b64decode(user[key]) for key in ("client-key-data", "client-certificate-data"))
    private = path.with_suffix(".chain")
    private.touch(mode=0o600)
    private.write_bytes(chain)
    context.load_cert_chain(private)
    private.unlink()
    host = cluster["server"].removeprefix("https://")

    def ask(method: str, path: str, body: Any, content_type: str) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(host, timeout=TIMEOUT_S, context=context)
        sent = None if body is None else orjson.dumps(body)
        connection.request(method, path, sent, {"Content-Type": content_type, "Accept": "application/json"})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, data

    def send(method: str, path: str, body: Any, content_type: str) -> tuple[int, Any]:
        limit = time.monotonic() + TIMEOUT_S
        status, data = ask(method, path, body, content_type)
        while not data.startswith(b"{") and time.monotonic() < limit:  # a new definition is not served at once
            time.sleep(0.1)
            status, data = ask(method, path, body, content_type)
        return status, orjson.loads(data)

    return send


@pytest.fixture
def ours(face: Face) -> Send:
    def send(method: str, path: str, body: Any, content_type: str) -> tuple[int, Any]:
        sent = None if body is None else orjson.dumps(body)
        answer = face.request(method, path, sent, Content_Type=content_type)
        return answer.code, answer.json

    return send


@pytest.fixture
def namespace(real: Send, ours: Send) -> Iterator[str]:
    """A namespace that both have, with its service account."""
    name = f"diff-{secrets.token_hex(4)}"
    for send in (real, ours):
        assert send("POST", "/api/v1/namespaces", named(name), "application/json")[0] == 201
    _await(
        lambda: real("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default", None, "application/json")[0] == 200
    )
    yield name
    real("DELETE", f"/api/v1/namespaces/{name}", None, "application/json")


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "the real control plane did not get there"
        time.sleep(0.05)


def comparable(value: Any, namespace: str) -> Any:
    """What both have to agree on."""
    if isinstance(value, dict):
        skipped = _RANDOM | _BY_CONTROLLERS.get(str(value.get("kind")), frozenset())
        kept = {
            key: comparable(item, namespace) for key, item in value.items() if key not in skipped and item is not None
        }
        for key in ("volumes", "volumeMounts"):
            if key in kept:
                kept[key] = [entry for entry in kept[key] if not entry["name"].startswith(_TOKEN)]
        if "finalizers" in kept:
            kept["finalizers"] = [finalizer for finalizer in kept["finalizers"] if finalizer not in _PROTECTIONS]
        return {key: item for key, item in kept.items() if item not in ({}, [])}
    if isinstance(value, list):
        items = [comparable(item, namespace) for item in value]
        return [item for position, item in enumerate(items) if item not in items[:position]]
    if isinstance(value, str):
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID", value)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text)
        text = re.sub(r"in record \(\d+\)", "in record (VERSION)", text)
        text = re.sub(r"((?:Invalid|Unsupported) value: )\{.*?\}(: [a-z`])", r"\1STRUCT\2", text, flags=re.DOTALL)
        text = text.replace(", application/apply-patch+yaml", "")
        return re.sub(r"\n@@ .*", "", text, flags=re.DOTALL).replace(namespace, "NS")
    return value


def differences(real: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where two values differ."""
    if isinstance(real, dict) and isinstance(ours, dict):
        for key in dict.fromkeys((*real, *ours)):
            yield from differences(real.get(key), ours.get(key), f"{path}.{key}")
    elif real != ours:
        yield f"  {path}\n    real {real}\n    ours {ours}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda name: name.replace(" ", "-"))
def test_given_the_same_requests_then_both_answer_the_same(
    real: Send, ours: Send, namespace: str, scenario: str
) -> None:
    different = []
    for method, path, body, *content_type in SCENARIOS[scenario]:
        here = path.replace("NS", namespace)
        sent = orjson.loads(orjson.dumps(body).replace(b"NS", namespace.encode()))
        if method == "WAIT":
            _await(lambda here=here: real("GET", here, None, "application/json")[0] == 200)  # type: ignore[misc]
            continue
        form = content_type[0] if content_type else MERGE if method == "PATCH" else "application/json"
        real_code, real_answer = real(method, here, sent, form)
        our_code, our_answer = ours(method, here, sent, form)
        found = list(differences(real_code, our_code, " code"))
        found += differences(comparable(real_answer, namespace), comparable(our_answer, namespace))
        if found:
            different.append("\n".join([f"{method} {path} {orjson.dumps(body).decode()[:200]}", *found]))
    assert not different, "\n".join(different)
