"""The official Python client as its own examples use it: typed objects, watches, the dynamic client, server-side apply, utils.create_from_yaml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException

from tests.conformance.conftest import Cluster

pytestmark = pytest.mark.slow


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Iterator[tuple[Any, str]]:
    """A client and a namespace of its own."""
    namespace = cluster.namespace()
    path = cluster.server.kubeconfig(tmp_path / "config")
    with config.new_client_from_config(str(path)) as api:
        yield api, namespace


def _deployment(name: str, image: str = "w:1", replicas: int = 1) -> Any:
    labels = {"app": name}
    container = client.V1Container(name="c", image=image, ports=[client.V1ContainerPort(container_port=80)])
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])
    )
    spec = client.V1DeploymentSpec(
        replicas=replicas, template=template, selector=client.V1LabelSelector(match_labels=labels)
    )
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=spec)


def test_given_the_deployment_example_then_it_is_created_updated_restarted_and_deleted(place: tuple[Any, str]) -> None:
    api, namespace = place
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    apps.create_namespaced_deployment(namespace, _deployment("web", replicas=2))
    for event in watch.Watch().stream(apps.list_namespaced_deployment, namespace, timeout_seconds=30):
        if event["object"].status.ready_replicas == 2:
            break
    else:
        pytest.fail("the deployment never had two ready replicas")
    found = apps.read_namespaced_deployment("web", namespace)
    found.spec.template.spec.containers[0].image = "w:2"
    apps.patch_namespaced_deployment("web", namespace, found)
    apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 3}})
    assert apps.read_namespaced_deployment_scale("web", namespace).spec.replicas == 3
    apps.delete_namespaced_deployment(
        "web", namespace, body=client.V1DeleteOptions(propagation_policy="Foreground", grace_period_seconds=5)
    )
    pods = core.list_namespaced_pod(namespace)
    left = {pod.metadata.name for pod in pods.items}
    version = pods.metadata.resource_version
    changes = watch.Watch().stream(core.list_namespaced_pod, namespace, resource_version=version, timeout_seconds=30)
    while left:
        event = next(changes)
        if event["type"] == "DELETED":
            left.discard(event["object"].metadata.name)
    with pytest.raises(ApiException) as gone:
        apps.read_namespaced_deployment("web", namespace)
    assert gone.value.status == 404


def test_given_a_job_example_then_its_status_is_read_until_it_is_done(place: tuple[Any, str]) -> None:
    api, namespace = place
    batch = client.BatchV1Api(api)
    container = client.V1Container(name="pi", image="done:1")
    template = client.V1PodTemplateSpec(spec=client.V1PodSpec(restart_policy="Never", containers=[container]))
    spec = client.V1JobSpec(template=template, backoff_limit=4)
    batch.create_namespaced_job(namespace, client.V1Job(metadata=client.V1ObjectMeta(name="pi"), spec=spec))
    for event in watch.Watch().stream(batch.list_namespaced_job, namespace, timeout_seconds=30):
        if event["object"].status.succeeded:
            break
    assert batch.read_namespaced_job_status("pi", namespace).status.conditions[-1].type == "Complete"


def test_given_pages_then_all_are_read(place: tuple[Any, str]) -> None:
    api, namespace = place
    core = client.CoreV1Api(api)
    for number in range(7):
        core.create_namespaced_config_map(namespace, {"metadata": {"name": f"c{number}", "labels": {"page": "x"}}})
    names, token = [], None
    while token != "":
        page = core.list_namespaced_config_map(namespace, label_selector="page=x", limit=3, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue or ""
    assert names == [f"c{number}" for number in range(7)]


def test_given_the_dynamic_client_then_it_discovers_and_applies(place: tuple[Any, str]) -> None:
    api, namespace = place
    found = dynamic.DynamicClient(api)
    maps = found.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}, "data": {"a": "1"}}
    applied = maps.server_side_apply(body=body, name="d", namespace=namespace, field_manager="team-a")
    assert applied.data.a == "1"
    with pytest.raises(dynamic.exceptions.ConflictError):
        maps.server_side_apply(body={**body, "data": {"a": "2"}}, name="d", namespace=namespace, field_manager="team-b")
    forced = maps.server_side_apply(
        body={**body, "data": {"a": "2"}}, name="d", namespace=namespace, field_manager="team-b", force_conflicts=True
    )
    assert forced.data.a == "2"
    assert [entry.manager for entry in forced.metadata.managedFields] == ["team-b"]
    assert found.version["kubernetes"]["gitVersion"] == "v1.34.4"


def test_given_a_file_then_create_from_yaml_makes_what_it_holds(place: tuple[Any, str], tmp_path: Path) -> None:
    api, namespace = place
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "1"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "two"}, "stringData": {"b": "2"}},
    ]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(objects))
    made = utils.create_from_yaml(api, str(tmp_path / "all.yaml"), namespace=namespace)
    assert [group[0].metadata.name for group in made] == ["one", "two"]
    assert client.CoreV1Api(api).read_namespaced_secret("two", namespace).data == {"b": "Mg=="}
    with pytest.raises(utils.FailToCreateError):
        utils.create_from_yaml(api, str(tmp_path / "all.yaml"), namespace=namespace)


def test_given_autoscaling_budgets_and_roles_then_their_typed_apis_work(place: tuple[Any, str]) -> None:
    api, namespace = place
    reference = client.V2CrossVersionObjectReference(api_version="apps/v1", kind="Deployment", name="web")
    metric = client.V2MetricSpec(
        type="Resource",
        resource=client.V2ResourceMetricSource(
            name="cpu", target=client.V2MetricTarget(type="Utilization", average_utilization=50)
        ),
    )
    autoscaler = client.V2HorizontalPodAutoscaler(
        metadata=client.V1ObjectMeta(name="web"),
        spec=client.V2HorizontalPodAutoscalerSpec(scale_target_ref=reference, max_replicas=3, metrics=[metric]),
    )
    made = client.AutoscalingV2Api(api).create_namespaced_horizontal_pod_autoscaler(namespace, autoscaler)
    assert made.spec.min_replicas == 1
    old = client.AutoscalingV1Api(api).read_namespaced_horizontal_pod_autoscaler("web", namespace)
    assert old.spec.target_cpu_utilization_percentage == 50
    rules = [client.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["get"])]
    role = client.V1Role(metadata=client.V1ObjectMeta(name="reader"), rules=rules)
    assert client.RbacAuthorizationV1Api(api).create_namespaced_role(namespace, role).rules[0].verbs == ["get"]
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(namespace=namespace, verb="get", resource="pods")
        )
    )
    assert client.AuthorizationV1Api(api).create_self_subject_access_review(review).status.allowed
