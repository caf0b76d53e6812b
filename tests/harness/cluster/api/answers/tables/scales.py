"""The scale subresource: of a custom type, which says where its replicas are, and of a built-in one."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster.api.answers.objects import DEPLOYMENTS, JSON_PATCH, Step, deployment, named

PATH = "/apis/NS.example.com/v1/namespaces/NS/crews"
ONE, SCALE = f"{PATH}/c", f"{PATH}/c/scale"
PATHS = {
    "specReplicasPath": ".spec.size.wanted",
    "statusReplicasPath": ".status.members",
    "labelSelectorPath": ".status.who",
}
_COUNT = {"type": "object", "properties": {"wanted": {"type": "integer"}, "other": {"type": "string"}}}
_SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "properties": {"size": _COUNT}},
        "status": {"type": "object", "properties": {"members": {"type": "integer"}, "who": {"type": "string"}}},
    },
}


def definition(**scale: Any) -> dict[str, Any]:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _SCHEMA},
        "subresources": {"status": {}, "scale": scale},
    }
    names = {"plural": "crews", "kind": "Crew"}
    return named(
        "crews.NS.example.com",
        spec={"group": "NS.example.com", "names": names, "scope": "Namespaced", "versions": [version]},
    )


def crew(**body: Any) -> dict[str, Any]:
    return {"apiVersion": "NS.example.com/v1", "kind": "Crew", **named("c", **body)}


def scale(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", **named("c", spec=spec)}


_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SCENARIOS: dict[str, list[Step]] = {
    "a custom type with replicas of its own": [
        ("POST", _DEFINITIONS, definition(**PATHS)),
        ("WAIT", PATH, None),
        ("GET", "/apis/NS.example.com/v1", None),
        ("POST", PATH, crew(spec={"size": {"wanted": 2, "other": "x"}})),
        ("GET", SCALE, None),
        ("PUT", f"{ONE}/status", crew(status={"members": 1, "who": "a=b"})),
        ("PUT", SCALE, scale(replicas=3)),
        ("PATCH", f"{ONE}/status", {"status": {"members": 1, "who": "a=b"}}),
        ("GET", SCALE, None),
        ("PUT", SCALE, scale(replicas=3)),
        ("GET", ONE, None),
        ("PATCH", SCALE, {"spec": {"replicas": 5}}),
        ("PATCH", SCALE, [{"op": "replace", "path": "/spec/replicas", "value": 6}], JSON_PATCH),
        ("PATCH", SCALE, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 5}}),
        ("PUT", SCALE, scale(replicas=-1)),
        ("PUT", SCALE, scale()),
        ("GET", SCALE, None),
        ("PATCH", f"{SCALE}?fieldManager=f&force=true", scale(replicas=4), "application/apply-patch+yaml"),
        ("PATCH", f"{SCALE}?dryRun=All", {"spec": {"replicas": 9}}),
        ("GET", ONE, None),
        ("GET", f"{PATH}/none/scale", None),
    ],
    "a custom object without replicas": [
        ("POST", _DEFINITIONS, definition(specReplicasPath=".spec.size.wanted", statusReplicasPath=".status.members")),
        ("WAIT", PATH, None),
        ("POST", PATH, crew(spec={})),
        ("GET", SCALE, None),
        ("PATCH", SCALE, {"spec": {"replicas": 5}}),
        ("GET", SCALE, None),
    ],
    "paths that are none": [
        ("POST", _DEFINITIONS, definition(specReplicasPath="spec.size", statusReplicasPath=".spec.members")),
        ("POST", _DEFINITIONS, definition(specReplicasPath=".spec.a[0]", statusReplicasPath="")),
        ("POST", _DEFINITIONS, definition(**{**PATHS, "labelSelectorPath": "who"})),
        ("POST", _DEFINITIONS, definition()),
    ],
    "a deployment": [
        ("POST", DEPLOYMENTS, deployment()),
        ("GET", f"{DEPLOYMENTS}/d/scale", None),
        ("PUT", f"{DEPLOYMENTS}/d/scale", {**scale(replicas=-1), "metadata": {"name": "d", "namespace": "NS"}}),
        ("PUT", f"{DEPLOYMENTS}/d/scale", scale(replicas=1)),
    ],
}
