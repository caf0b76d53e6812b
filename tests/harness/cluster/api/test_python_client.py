"""The `kubernetes` client library against the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

from tests.harness.cluster.api.conftest import Face


@pytest.fixture
def api(face: Face, tmp_path: Path) -> Iterator[Any]:
    path = face.server.kubeconfig(tmp_path / "config")
    with config.new_client_from_config(str(path)) as made:
        yield made


def job(name: str) -> Any:
    container = client.V1Container(name="main", image="app:1")
    template = client.V1PodTemplateSpec(spec=client.V1PodSpec(containers=[container], restart_policy="Never"))
    return client.V1Job(metadata=client.V1ObjectMeta(name=name), spec=client.V1JobSpec(template=template))


def test_given_the_client_then_objects_live_their_life(api: Any) -> None:
    batch = client.BatchV1Api(api)
    created = batch.create_namespaced_job("default", job("j"))
    assert (created.spec.backoff_limit, created.spec.completions) == (6, 1)
    patched = batch.patch_namespaced_job("j", "default", {"spec": {"parallelism": 3}})
    assert patched.spec.parallelism == 3
    assert [item.metadata.name for item in batch.list_job_for_all_namespaces().items] == ["j"]
    patched.spec.suspend = True
    assert batch.replace_namespaced_job("j", "default", patched).spec.suspend is True
    batch.delete_namespaced_job("j", "default", propagation_policy="Background")
    with pytest.raises(ApiException) as gone:
        batch.read_namespaced_job("j", "default")
    assert (gone.value.status, gone.value.reason) == (404, "Not Found")


def test_given_the_client_then_a_refusal_has_its_causes(api: Any) -> None:
    wrong = job("j")
    wrong.spec.parallelism = -1
    with pytest.raises(ApiException) as refused:
        client.BatchV1Api(api).create_namespaced_job("default", wrong)
    assert refused.value.status == 422
    assert '"field":"spec.parallelism"' in refused.value.body


@pytest.mark.slow
def test_given_the_clients_watch_then_changes_arrive(api: Any, face: Face) -> None:
    core = client.CoreV1Api(api)
    version = core.list_namespaced_config_map("default").metadata.resource_version
    core.create_namespaced_config_map("default", {"metadata": {"name": "c"}, "data": {"a": "1"}})
    core.patch_namespaced_config_map("c", "default", {"data": {"a": "2"}})
    core.delete_namespaced_config_map("c", "default")
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=1
    )
    assert [(event["type"], event["object"].data) for event in stream] == [
        ("ADDED", {"a": "1"}),
        ("MODIFIED", {"a": "2"}),
        ("DELETED", {"a": "2"}),
    ]


def test_given_the_client_then_logs_evictions_and_custom_objects_work(api: Any, face: Face) -> None:
    face.running_pod(log="hello\n")
    core = client.CoreV1Api(api)
    assert core.read_namespaced_pod_log("p", "default", _preload_content=False).data == b"hello\n"
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name="p"))
    core.create_namespaced_pod_eviction("p", "default", eviction)
    assert core.read_namespaced_pod("p", "default").metadata.deletion_timestamp is not None
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    client.ApiextensionsV1Api(api).create_custom_resource_definition(definition)
    custom = client.CustomObjectsApi(api)
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    custom.create_namespaced_custom_object("example.com", "v1", "default", "widgets", widget)
    found = custom.list_namespaced_custom_object("example.com", "v1", "default", "widgets")
    assert [item["spec"] for item in found["items"]] == [{"size": 1}]
