"""kubectl against the server: what people type."""

from __future__ import annotations

import json
import re
import signal

import pytest

from harness.kube.resources import CONFIG_MAPS, EVENTS, PODS
from tests.harness.cluster.api.conftest import Face
from tests.harness.kubectl import Kubectl

pytestmark = pytest.mark.slow

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: "fast"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: main, image: "web:1", env: [{name: A, value: "1"}]}
"""


def table(text: str) -> list[list[str]]:
    """Rows of a table, with columns two or more blanks apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines()]


def test_given_kubectl_then_it_finds_version_and_resources(kubectl: Kubectl) -> None:
    assert json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"] == "v1.36.0"
    names = {line.split()[0] for line in kubectl("api-resources", "--no-headers").splitlines()}
    assert {"pods", "jobs", "deployments", "leases", "customresourcedefinitions"} <= names
    assert kubectl("auth", "can-i", "delete", "pods").strip() == "yes"


def test_given_pods_then_get_prints_upstreams_columns(face: Face, kubectl: Kubectl) -> None:
    face.running_pod()
    assert table(kubectl("get", "pods")) == [
        ["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
        ["p", "1/1", "Running", "0", "0s"],
    ]
    wide = table(kubectl("get", "pods", "-A", "-o", "wide"))
    assert wide[0] == [
        "NAMESPACE",
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED NODE",
        "READINESS GATES",
    ]
    assert wide[1] == ["default", "p", "1/1", "Running", "0", "0s", "<none>", "n1", "<none>", "<none>"]
    assert table(kubectl("get", "nodes")) == [
        ["NAME", "STATUS", "ROLES", "AGE", "VERSION"],
        ["n1", "Ready", "<none>", "0s"],
    ]
    assert kubectl("get", "pod", "p", "-o", "jsonpath={.status.phase}") == "Running"
    assert "nodeName: n1" in kubectl("get", "pod", "p", "-o", "yaml")
    assert json.loads(kubectl("get", "pods", "-o", "json"))["items"][0]["metadata"]["name"] == "p"
    assert kubectl("get", "pods", "--field-selector", "spec.nodeName=n2", "-o", "name") == ""


def test_given_a_manifest_then_apply_creates_keeps_and_changes(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=MANIFEST).splitlines() == [
        "configmap/settings created",
        "deployment.apps/web created",
    ]
    assert kubectl("apply", "-f", "-", stdin=MANIFEST).splitlines() == [
        "configmap/settings unchanged",
        "deployment.apps/web unchanged",
    ]
    changed = MANIFEST.replace("web:1", "web:2").replace("name: A, value", "name: B, value")
    assert kubectl("apply", "-f", "-", stdin=changed).splitlines() == [
        "configmap/settings unchanged",
        "deployment.apps/web configured",
    ]
    containers = json.loads(kubectl("get", "deploy", "web", "-o", "json"))["spec"]["template"]["spec"]["containers"]
    assert [(c["name"], c["image"], c["env"]) for c in containers] == [("main", "web:2", [{"name": "B", "value": "1"}])]
    assert (
        kubectl("apply", "--dry-run=server", "-f", "-", stdin=MANIFEST).splitlines()[1]
        == "deployment.apps/web configured (server dry run)"
    )
    assert kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}") == "web:2"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\ndata:", "\ndota:", 'unknown field "dota"'),
        (
            'value: "1"',
            "value: 1",
            "cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        ("image:", "imag:", 'unknown field "spec.template.spec.containers[0].imag"'),
        ("app: web}}\n  template", "app: other}}\n  template", "`selector` does not match template `labels`"),
    ],
)
def test_given_a_wrong_manifest_then_apply_says_what_a_cluster_says(
    kubectl: Kubectl, old: str, new: str, message: str
) -> None:
    assert old in MANIFEST
    done = kubectl.run("apply", "-f", "-", stdin=MANIFEST.replace(old, new))
    assert done.returncode == 1
    assert message in done.stderr


def test_given_a_kind_then_explain_lists_its_fields(kubectl: Kubectl) -> None:
    assert re.search(r"backoffLimit\s+<integer>", kubectl("explain", "job.spec"))
    assert re.search(r"valueFrom\s+<EnvVarSource>", kubectl("explain", "pod.spec.containers.env"))


def test_given_typed_creates_in_protobuf_then_they_are_stored(kubectl: Kubectl) -> None:
    kubectl("create", "namespace", "other")
    kubectl("create", "job", "j", "--image=app:1", "-n", "other", "--", "sleep", "1")
    kubectl("create", "configmap", "c", "--from-literal=a=b")
    kubectl("create", "secret", "generic", "s", "--from-literal=a=b")
    kubectl("create", "serviceaccount", "robot")
    kubectl("create", "poddisruptionbudget", "b", "--min-available=50%", "--selector=a=b")
    job = json.loads(kubectl("get", "job", "j", "-n", "other", "-o", "json"))
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["sleep", "1"]
    assert job["spec"]["parallelism"] == 1
    assert kubectl("get", "secret", "s", "-o", "jsonpath={.data.a}") == "Yg=="
    assert kubectl("get", "pdb", "b", "-o", "jsonpath={.spec.minAvailable}") == "50%"
    assert "job.batch/j" in kubectl("get", "all", "-n", "other", "-o", "name")


def test_given_an_object_then_it_is_labelled_annotated_patched_edited_and_deleted(face: Face, kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "c", "--from-literal=a=b")
    kubectl("label", "configmap", "c", "team=em")
    kubectl("annotate", "configmap", "c", "note=x")
    kubectl("patch", "configmap", "c", "-p", '{"data":{"z":"1"}}')
    kubectl("patch", "configmap", "c", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]')
    stored = face.store.get(CONFIG_MAPS, "default", "c")
    assert stored is not None
    assert (stored["data"], stored["metadata"]["labels"], stored["metadata"]["annotations"]) == (
        {"z": "1"},
        {"team": "em"},
        {"note": "x"},
    )
    assert kubectl("get", "configmaps", "-l", "team=em", "-o", "name") == "configmap/c\n"
    assert kubectl("get", "configmaps", "-l", "team notin (em)", "-o", "name") == ""
    kubectl("replace", "-f", "-", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {r: '1'}")
    assert (
        kubectl("delete", "configmap", "c") == 'configmap "c" deleted\n'
        or face.store.get(CONFIG_MAPS, "default", "c") is None
    )
    done = kubectl.run("get", "configmap", "c")
    assert (done.returncode, done.stderr.strip()) == (1, 'Error from server (NotFound): configmaps "c" not found')


def test_given_a_deployment_then_it_scales(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=MANIFEST)
    kubectl("scale", "deployment", "web", "--replicas=3")
    assert table(kubectl("get", "deployments"))[1] == ["web", "0/3", "0", "0", "0s"]


def test_given_a_log_then_logs_shows_it_and_follows_it_to_the_end(face: Face, kubectl: Kubectl) -> None:
    face.running_pod(log="one\ntwo\nthree\n")
    assert kubectl("logs", "p") == "one\ntwo\nthree\n"
    assert kubectl("logs", "p", "--tail=2") == "two\nthree\n"
    following = kubectl.start("logs", "-f", "p", "--tail=1")
    assert following.stdout is not None
    assert following.stdout.readline() == "three\n"
    with (face.logs / "p-main").open("a") as log:
        log.write("four\n")
    assert following.stdout.readline() == "four\n"
    face.end_pod()
    rest, errors = following.communicate(timeout=20)
    assert (following.returncode, rest, errors) == (0, "", "")


def test_given_a_condition_then_wait_returns_when_it_holds(face: Face, kubectl: Kubectl) -> None:
    face.running_pod()
    waiting = kubectl.start("wait", "--for=condition=Ready", "pod/p", "--timeout=15s")
    conditions = [{"type": "Ready", "status": "True"}]
    face.kernel.call(
        lambda: face.store.patch(PODS, "default", "p", {"status": {"conditions": conditions}}, subresource="status")
    )
    out, errors = waiting.communicate(timeout=20)
    assert (waiting.returncode, out, errors) == (0, "pod/p condition met\n", "")
    gone = kubectl.start("wait", "--for=delete", "pod/p", "--timeout=15s")
    kubectl("delete", "pod", "p", "--grace-period=0", "--force")
    gone.communicate(timeout=20)
    assert gone.returncode == 0


def test_given_a_watch_then_each_change_is_a_row(face: Face, kubectl: Kubectl) -> None:
    face.running_pod()
    watching = kubectl.start("get", "pods", "-w")
    assert watching.stdout is not None
    try:
        rows = [watching.stdout.readline().split() for _ in range(2)]
        face.end_pod()
        rows.append(watching.stdout.readline().split())
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=20)
    assert rows == [
        ["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
        ["p", "1/1", "Running", "0", "0s"],
        ["p", "0/1", "Completed", "0", "0s"],
    ]


def test_given_objects_then_describe_reads_them_with_their_events(face: Face, kubectl: Kubectl) -> None:
    face.running_pod()
    pod = face.store.get(PODS, "default", "p")
    assert pod is not None
    involved = {"kind": "Pod", "namespace": "default", "name": "p", "uid": pod["metadata"]["uid"], "apiVersion": "v1"}
    event = {
        "metadata": {"name": "p.1", "namespace": "default"},
        "involvedObject": involved,
        "type": "Normal",
        "reason": "Pulled",
        "message": "Container image already present",
        "firstTimestamp": "2026-03-01T08:00:00Z",
        "lastTimestamp": "2026-03-01T08:00:00Z",
        "count": 1,
        "source": {"component": "kubelet"},
    }
    face.kernel.call(lambda: face.store.create(EVENTS, event))
    assert re.search(r"Normal\s+Pulled\s+.*kubelet\s+Container image already present", kubectl("describe", "pod", "p"))
    assert re.search(r"default\s+p\s+0 \(0%\)", kubectl("describe", "node", "n1"))
    kubectl("create", "job", "j", "--image=app:1")
    assert re.search(r"Pods Statuses:\s+0 Active", kubectl("describe", "job", "j"))
    assert table(kubectl("get", "events"))[1] == ["0s", "Normal", "Pulled", "pod/p", "Container image already present"]
    assert "Pulled" in kubectl("events")


def test_given_a_node_then_it_is_cordoned_tainted_and_drained(face: Face, kubectl: Kubectl) -> None:
    face.running_pod()
    kubectl("taint", "node", "n1", "pool=spot:NoSchedule")
    drained = kubectl.start("drain", "n1", "--force", "--timeout=15s")
    assert drained.stdout is not None
    while "evicting pod default/p" not in (line := drained.stdout.readline()):
        assert line, "the drain ended before it evicted the pod"
    face.kernel.call(lambda: face.store.delete(PODS, "default", "p", grace_period_s=0))
    out, _ = drained.communicate(timeout=20)
    assert drained.returncode == 0
    assert out.endswith("node/n1 drained\n")
    assert table(kubectl("get", "nodes"))[1][1] == "Ready,SchedulingDisabled"


def test_given_a_definition_then_its_objects_print_their_columns(kubectl: Kubectl) -> None:
    definition = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
"""
    kubectl("apply", "-f", "-", stdin=definition)
    kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=5s")
    widget = """
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
spec: {size: 3}
status: {conditions: [{type: Ready, status: 'True'}]}
"""
    kubectl("apply", "-f", "-", stdin=widget)
    assert kubectl("apply", "-f", "-", stdin=widget) == "widget.example.com/w unchanged\n"
    assert table(kubectl("get", "wd")) == [["NAME", "SIZE", "READY", "AGE"], ["w", "3", "True", "0s"]]
    kubectl("delete", "crd", "widgets.example.com")
    assert kubectl.run("get", "wd").returncode == 1
