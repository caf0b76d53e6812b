"""Hashes in names, against what a real 1.34.4 control plane put there."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.controllers.hashes import fnv32, fnv32a, go_json, safe_encode
from harness.cluster.controllers.podtemplate import pod_template_hash
from harness.cluster.controllers.revisions import hash_of
from harness.kube.version import KubernetesVersion

V134, V135, V136 = (KubernetesVersion(1, minor) for minor in (34, 35, 36))
_POD = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
}
_CONTAINER = {
    "image": "x:1",
    "imagePullPolicy": "IfNotPresent",
    "name": "c",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
PLAIN: dict[str, Any] = {
    "metadata": {"labels": {"app": "agent"}},
    "spec": {**_POD, "containers": [{**_CONTAINER, "resources": {}}], "securityContext": {}},
}
_PROBE = {"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}
RICH: dict[str, Any] = {
    "metadata": {"annotations": {"q": "w"}, "labels": {"app": "d1", "z": "1"}},
    "spec": {
        **_POD,
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "podAffinityTerm": {
                            "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["d1"]}]},
                            "topologyKey": "h",
                        },
                        "weight": 1,
                    }
                ]
            }
        },
        "containers": [
            {
                **_CONTAINER,
                "args": ["<a&b>"],
                "env": [
                    {"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                    {"name": "E"},
                ],
                "lifecycle": {"preStop": {"sleep": {"seconds": 3}}},
                "livenessProbe": {"exec": {"command": ["a"]}, **_PROBE},
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "readinessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, **_PROBE},
                "resources": {
                    "limits": {"cpu": "2", "memory": "1536Mi"},
                    "requests": {"cpu": "250m", "ephemeral-storage": "1G", "memory": "100Mi"},
                },
                "securityContext": {
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                    "runAsUser": 0,
                },
                "volumeMounts": [{"mountPath": "/e", "name": "e"}],
            }
        ],
        "nodeSelector": {"a": "d", "b": "c"},
        "securityContext": {"fsGroup": 5},
        "tolerations": [{"effect": "NoExecute", "key": "a", "operator": "Exists", "tolerationSeconds": 3}],
        "topologySpreadConstraints": [
            {
                "labelSelector": {"matchLabels": {"app": "d1"}},
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ],
        "volumes": [
            {"emptyDir": {"sizeLimit": "1Gi"}, "name": "e"},
            {"name": "p", "projected": {"defaultMode": 420, "sources": [{"configMap": {"name": "x"}}]}},
        ],
    },
}


@pytest.mark.parametrize(("template", "name"), [(PLAIN, "7f65695df9"), (RICH, "ddc8b4bc8")])
def test_given_a_pod_template_when_hashed_then_the_name_is_that_of_a_real_controller(
    template: dict[str, Any], name: str
) -> None:
    assert pod_template_hash(template, None, V134) == name


def test_given_versions_with_other_fields_when_the_same_template_is_hashed_then_the_names_differ() -> None:
    assert len({pod_template_hash(PLAIN, None, version) for version in (V134, V135, V136)}) == 3


def test_given_a_collision_when_hashed_again_then_the_name_differs() -> None:
    assert len({pod_template_hash(PLAIN, count, V134) for count in (None, 1, 2)}) == 3


def test_given_a_stateful_set_s_revision_when_hashed_then_the_name_is_that_of_a_real_controller() -> None:
    container = {**_CONTAINER, "args": ["<a&b>"], "resources": {}}
    template = {
        "$patch": "replace",
        "metadata": {"labels": {"app": "web"}},
        "spec": {**_POD, "containers": [container], "securityContext": {}},
    }
    assert hash_of({"spec": {"template": template}}, 0) == "766dbdc6f4"


def test_given_bytes_when_hashed_then_the_numbers_are_go_s() -> None:
    assert (fnv32(b"hello"), fnv32a(b"hello")) == (0xB6FA7167, 0x4F9F2CAB)
    assert safe_encode("0123456789") == "456789bcdf"
    assert go_json({"b": "<&>", "a": [1, None]}) == b'{"a":[1,null],"b":"\\u003c\\u0026\\u003e"}'
