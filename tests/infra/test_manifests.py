"""What the manifests promise to those who run them: order, retries, stopping in time, memory, and that the text is the rendered one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from infra.environments import DEV
from infra.gate.rendered import Rendered
from infra.manifests import manifests
from infra.node_pools import NodePool
from infra.refusal import RefusedValue
from infra.services import SERVICES, Service
from infra.workloads.pod import GRACE_S

SPOT_NOTICE_S = 120


@pytest.fixture(scope="session")
def workflow(rendered: Rendered) -> dict[str, Any]:
    (found,) = rendered.of_kind("Workflow")
    return found.object


@pytest.fixture(scope="session")
def jobs(rendered: Rendered) -> dict[str, dict[str, Any]]:
    return {job.object["metadata"]["labels"]["app.kubernetes.io/name"]: job.object for job in rendered.of_kind("Job")}


def _tasks(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (dag,) = (template["dag"] for template in workflow["spec"]["templates"] if "dag" in template)
    return {task["name"]: task for task in dag["tasks"]}


def test_given_the_environment_then_the_committed_manifests_are_what_it_renders_to(committed: dict[str, bytes]) -> None:
    texts = {name: content.decode() for name, content in committed.items() if name.startswith("manifests/")}
    assert texts == manifests(DEV)


def test_given_the_workflow_then_it_can_run_more_than_once(workflow: dict[str, Any]) -> None:
    assert workflow["metadata"]["generateName"] == "em-pipeline-"
    assert "name" not in workflow["metadata"]


def test_given_the_workflow_then_epfl_overlaps_the_chain_and_consolidation_waits_for_all(
    workflow: dict[str, Any],
) -> None:
    tasks = _tasks(workflow)
    after: dict[str, set[str]] = {}
    for name, task in tasks.items():
        direct = set(task["depends"].split(" && ")) if "depends" in task else set()
        after[name] = direct.union(*(after[other] for other in direct))
    assert after["epfl"] == after["idr"] == set()
    assert after["openorganelle"] == {"idr", "flyem", "ebi"}
    assert after["consolidate"] == set(tasks) - {"consolidate"}


def test_given_the_workflow_then_every_task_has_a_template_and_every_template_a_task(workflow: dict[str, Any]) -> None:
    templates = {template["name"] for template in workflow["spec"]["templates"]}
    assert {task["template"] for task in _tasks(workflow).values()} == templates - {workflow["spec"]["entrypoint"]}


def test_given_the_workflow_then_every_parameter_used_is_declared(workflow: dict[str, Any]) -> None:
    text = yaml.safe_dump(workflow)
    declared = {parameter["name"] for parameter in workflow["spec"]["arguments"]["parameters"]}
    used = {part.split("}}")[0] for part in text.split("{{workflow.parameters.")[1:]}
    assert used == declared == {"chunk-size-mb", "max-workers", "image-tag"}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_given_a_lost_node_then_the_task_is_retried_and_after_a_failure_not(
    workflow: dict[str, Any], service: Service
) -> None:
    (retry,) = (t["retryStrategy"] for t in workflow["spec"]["templates"] if t["name"] == service.name)
    assert retry["retryPolicy"] == "Always"  # with OnFailure, Argo's default, a deleted pod is never retried
    retried = {
        (status, code)
        for status in ("Failed", "Error")
        for code in ("1", "3", "137", "143", "-1")
        if _is_retried(retry["expression"], status=status, exit_code=code)
    }
    assert {code for status, code in retried if status == "Failed"} == {"143", "-1"}
    assert {code for status, code in retried if status == "Error"} == {"1", "3", "137", "143", "-1"}


def _is_retried(expression: str, *, status: str, exit_code: str) -> bool:
    """Reads the expression for what it is here: comparisons of two strings, joined by or."""
    values = {"lastRetry.status": status, "lastRetry.exitCode": exit_code}
    comparisons = (comparison.split(" == ") for comparison in expression.split(" || "))
    return any(values[left] == right.strip('"') for left, right in comparisons)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_given_a_job_then_a_disruption_does_not_count_and_exit_1_ends_it(
    jobs: dict[str, dict[str, Any]], service: Service
) -> None:
    spec = jobs[service.name]["spec"]
    disruption, failure = spec["podFailurePolicy"]["rules"]
    assert (disruption["action"], disruption["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (failure["action"], failure["onExitCodes"]["values"]) == ("FailJob", [1])
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # a pod failure policy is refused with any other


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_given_a_pod_then_it_stops_within_the_spot_notice_and_stays_below_its_memory(
    jobs: dict[str, dict[str, Any]], service: Service
) -> None:
    spec = jobs[service.name]["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == GRACE_S < SPOT_NOTICE_S
    (container,) = spec["containers"]
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    limit_bytes = int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20
    assert 0 < float(env["MEMORY_LIMIT_GB"]) * 1e9 < 0.75 * limit_bytes
    assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]


def test_given_a_pod_then_job_and_workflow_run_the_same_container_but_for_parameters(
    workflow: dict[str, Any], jobs: dict[str, dict[str, Any]]
) -> None:
    parameters = {p["name"]: p["value"] for p in workflow["spec"]["arguments"]["parameters"]}
    for template in workflow["spec"]["templates"]:
        if "container" not in template:
            continue
        text = yaml.safe_dump(template["container"])
        for name, value in parameters.items():
            text = text.replace("'{{workflow.parameters." + name + "}}'", f"'{value}'")
            text = text.replace("{{workflow.parameters." + name + "}}", value)
        (of_job,) = jobs[template["name"]]["spec"]["template"]["spec"]["containers"]
        assert yaml.safe_load(text) == {key: value for key, value in of_job.items() if key != "name"}


def test_given_the_heavy_pool_is_too_small_when_rendered_then_the_task_is_named() -> None:
    pools = tuple(_smaller(pool) if pool.name == "heavy-processing" else pool for pool in DEV.node_pools)
    with pytest.raises(RefusedValue, match="epfl on node pool heavy-processing, requests of memory"):
        manifests(replace(DEV, node_pools=pools))


def _smaller(pool: NodePool) -> NodePool:
    return replace(pool, instance_types=("t3.medium",))


def test_given_the_platform_then_one_system_node_carries_it_with_its_addons() -> None:
    crowded = replace(DEV.pool("system"), instance_types=("c6i.large",))
    manifests(replace(DEV, node_pools=(crowded, *DEV.node_pools[1:])))  # 3163Mi is still enough


def test_given_the_namespaces_then_every_namespaced_object_is_in_one_that_exists(rendered: Rendered) -> None:
    existing = {manifest.name for manifest in rendered.of_kind("Namespace")} | {"kube-system"}
    assert {manifest.namespace for manifest in rendered.manifests if manifest.namespace} <= existing


def test_given_a_role_binding_then_its_role_and_subjects_exist(rendered: Rendered) -> None:
    roles = {(m.kind, m.namespace, m.name) for m in rendered.manifests if m.kind in ("Role", "ClusterRole")}
    accounts = {(m.namespace, m.name) for m in rendered.of_kind("ServiceAccount")}
    bindings = [m for m in rendered.manifests if m.kind in ("RoleBinding", "ClusterRoleBinding")]
    assert len(bindings) == 5
    for binding in bindings:
        ref = binding.object["roleRef"]
        assert (ref["kind"], binding.namespace if ref["kind"] == "Role" else "", ref["name"]) in roles
        assert {(s["namespace"], s["name"]) for s in binding.object["subjects"]} <= accounts
