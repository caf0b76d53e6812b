"""The repository's own workflow, as rendered, against the real kernel, manager and store; the kubelet is a script."""

from __future__ import annotations

from typing import Any

import yaml

from harness.kube.objects import Object
from harness.kube.resources import SERVICE_ACCOUNTS

from .world import MANIFESTS, NAMESPACE, Run, World, template_of, world

TASKS = ("epfl", "idr", "flyem", "ebi", "openorganelle", "consolidate")


def repository_workflow() -> dict[str, Any]:
    text = (MANIFESTS / "workloads" / "workflow.yaml").read_text()
    workflow: dict[str, Any] = yaml.safe_load(text.replace("${RegistryUri}", "registry.example"))
    return workflow


def prepare(here: World) -> None:
    for task in TASKS:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": task, "namespace": NAMESPACE}}
        here.store.create(SERVICE_ACCOUNTS, account)


def run(script: Any) -> tuple[World, dict[str, Any], dict[str, dict[str, Any]], list[Object]]:
    with world(script) as here:
        here.kernel.call(lambda: prepare(here))
        name = here.submit(repository_workflow())
        status = here.finish(name)
        return here, status, here.nodes(name), here.pods()


def test_given_loaders_that_succeed_when_run_then_the_consolidation_is_last_and_all_succeed() -> None:
    here, status, nodes, pods = run(lambda _pod: Run())
    assert status["phase"] == "Succeeded"
    assert status["progress"] == "6/6"
    assert {name: (node["type"], node["phase"]) for name, node in nodes.items()} == {
        "<wf>": ("DAG", "Succeeded"),
        **{f"<wf>.{task}": ("Retry", "Succeeded") for task in TASKS},
        **{f"<wf>.{task}(0)": ("Pod", "Succeeded") for task in TASKS},
    }
    assert here.now_s() == 50  # five layers of ten seconds
    assert len(pods) == 6


def test_given_the_workflow_when_a_pod_is_made_then_it_carries_all_that_the_template_and_the_spec_ask_for() -> None:
    _here, _status, nodes, pods = run(lambda _pod: Run())
    pod = next(pod for pod in pods if template_of(pod).endswith(".epfl(0)"))
    workflow = pod["metadata"]["labels"]["workflows.argoproj.io/workflow"]
    assert pod["metadata"]["name"].startswith(f"{workflow}-epfl-")
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "epfl"
    assert pod["metadata"]["labels"]["app.kubernetes.io/part-of"] == "em-pipeline"
    assert pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert pod["metadata"]["annotations"]["workflows.argoproj.io/node-id"] == nodes["<wf>.epfl(0)"]["id"]
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "Workflow"
    spec = pod["spec"]
    assert spec["restartPolicy"] == "Never"
    assert spec["terminationGracePeriodSeconds"] == 60
    assert spec["serviceAccountName"] == "epfl"
    assert spec["nodeSelector"] == {"workload-type": "heavy-processing"}
    assert spec["securityContext"]["runAsUser"] == 10001
    names = [volume["name"] for volume in spec["volumes"]]
    assert [name for name in names if not name.startswith("kube-api-access-")] == ["shared", "scratch"]
    (main,) = spec["containers"]
    assert main["name"] == "main"
    assert main["image"] == "registry.example/em-pipeline-epfl:0.1.0"
    assert main["command"] + main["args"] == ["python", "-m", "pipeline", "epfl"]
    assert {entry["name"]: entry["value"] for entry in main["env"]}["ZARR_CHUNK_SIZE_MB"] == "64"


def test_given_a_node_that_shuts_down_when_a_loader_ends_with_143_then_it_is_tried_again() -> None:
    def script(pod: Object) -> Run:
        return Run(exit_code=143) if template_of(pod).endswith(".idr(0)") else Run()

    _here, status, nodes, _pods = run(script)
    assert status["phase"] == "Succeeded"
    assert nodes["<wf>.idr(0)"]["message"] == "main: Error (exit code 143)"
    assert nodes["<wf>.idr(1)"]["phase"] == "Succeeded"
    assert nodes["<wf>.idr"]["phase"] == "Succeeded"
    assert "message" not in nodes["<wf>.idr"]


def test_given_a_loader_that_fails_by_itself_then_it_is_not_repeated_and_what_depends_on_it_is_omitted() -> None:
    def script(pod: Object) -> Run:
        return Run(exit_code=1) if ".flyem(" in template_of(pod) else Run()

    _here, status, nodes, _pods = run(script)
    assert status["phase"] == "Failed"
    assert nodes["<wf>.epfl"]["phase"] == "Succeeded"
    assert nodes["<wf>.flyem"]["message"] == "retryStrategy.expression evaluated to false"
    assert nodes["<wf>.flyem"]["outputs"]["exitCode"] == "1"
    for task in ("ebi", "openorganelle", "consolidate"):
        node = nodes[f"<wf>.{task}"]
        assert (node["type"], node["phase"], node["message"]) == (
            "Skipped",
            "Omitted",
            "omitted: depends condition not met",
        )


def test_given_a_loader_that_always_loses_its_node_then_five_retries_are_used_up() -> None:
    def script(pod: Object) -> Run:
        return Run(exit_code=143) if ".idr(" in template_of(pod) else Run()

    _here, status, nodes, _pods = run(script)
    assert status["phase"] == "Failed"
    assert nodes["<wf>.idr"]["message"] == "No more retries left"
    assert len([name for name in nodes if name.startswith("<wf>.idr(")]) == 6
