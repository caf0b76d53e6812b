"""kr8s, a Python client that discovers everything it uses: objects, waits, watches, logs, scaling, custom kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kr8s
import pytest
import yaml
from kr8s.objects import APIObject, ConfigMap, CustomResourceDefinition, Deployment, Job, Node, Pod, new_class

from tests.conformance.conftest import Cluster

pytestmark = pytest.mark.slow


@pytest.fixture
def api(cluster: Cluster, tmp_path: Path) -> Any:
    namespace = cluster.namespace()
    config = yaml.safe_load(cluster.server.kubeconfig(tmp_path / "config").read_text())
    config["contexts"][0]["context"]["namespace"] = namespace
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    return kr8s.api(kubeconfig=str(tmp_path / "config"), namespace=namespace)


def _pod(api: Any, name: str, image: str = "web:1", **spec: Any) -> Any:
    body = {
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": image}], **spec},
    }
    return Pod(body, api=api)


def test_given_kr8s_then_objects_live_their_life(api: Any) -> None:
    config_map = ConfigMap({"metadata": {"name": "c"}, "data": {"a": "1"}}, api=api)
    config_map.create()
    config_map.patch({"data": {"a": "2"}})
    config_map.label({"tier": "x"})
    config_map.annotate({"note": "y"})
    found = ConfigMap.get("c", api=api)
    assert (found.data, found.labels, found.annotations) == ({"a": "2"}, {"tier": "x"}, {"note": "y"})
    assert found.exists()
    assert [item.name for item in api.get("configmaps", label_selector={"tier": "x"})] == ["c"]
    found.delete()
    assert not found.exists()
    with pytest.raises(kr8s.NotFoundError):
        ConfigMap.get("c", api=api)


def test_given_kr8s_then_it_waits_for_pods_and_reads_their_logs(api: Any, cluster: Cluster) -> None:
    pod = _pod(api, "p")
    pod.create()
    pod.wait("condition=Ready", timeout=30)
    assert pod.ready()
    cluster.say(pod.namespace, "p", "c", "one\ntwo\n")
    assert list(pod.logs()) == ["one", "two"]
    pod.delete()
    pod.wait("delete", timeout=30)
    done = Job(
        {
            "metadata": {"name": "j"},
            "spec": {
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "done:1"}]}}
            },
        },
        api=api,
    )
    done.create()
    done.wait("condition=Complete", timeout=30)


def test_given_kr8s_then_deployments_scale(api: Any) -> None:
    deployment = Deployment(
        {
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "w:1"}]},
                },
            },
        },
        api=api,
    )
    deployment.create()
    deployment.wait("condition=Available", timeout=30)
    deployment.scale(3)
    deployment.wait("jsonpath='{.status.readyReplicas}'=3", timeout=30)
    assert len(list(deployment.pods())) == 3


def test_given_kr8s_then_it_watches(api: Any) -> None:
    ConfigMap({"metadata": {"name": "seen"}, "data": {}}, api=api).create()
    for event, found in api.watch("configmaps"):
        if found.name == "seen":
            assert (event, type(found).__name__) == ("ADDED", "ConfigMap")
            break


def test_given_kr8s_then_nodes_are_cordoned(api: Any) -> None:
    node = Node.get("n1", api=api)
    node.cordon()  # type: ignore[no-untyped-call]
    assert Node.get("n1", api=api).unschedulable
    node.uncordon()  # type: ignore[no-untyped-call]
    assert not Node.get("n1", api=api).unschedulable


def test_given_kr8s_and_a_custom_kind_then_it_is_discovered(api: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}}},
    }
    definition = CustomResourceDefinition(
        {
            "metadata": {"name": "kites.example.com"},
            "spec": {
                "group": "example.com",
                "scope": "Namespaced",
                "names": {"plural": "kites", "singular": "kite", "kind": "Kite"},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
            },
        },
        api=api,
    )
    definition.create()
    definition.wait("condition=Established", timeout=30)
    try:
        kite: type[APIObject] = new_class("Kite", version="example.com/v1", namespaced=True)
        made = kite({"metadata": {"name": "k"}, "spec": {}}, api=api)
        made.create()
        assert made.spec.size == 3
        assert "kites" in {found["name"].partition("/")[0] for found in api.api_resources()}
    finally:
        definition.delete()


def test_given_kr8s_then_it_knows_the_version_and_who_may(api: Any) -> None:
    assert api.version()["gitVersion"] == "v1.34.4"
    assert api.whoami() == "kubernetes-admin"
