"""The scale of a custom type whose definition says where its replicas are; the answers themselves are compared in `answers/tables/scales`."""

from __future__ import annotations

import json
from typing import Any

import orjson

from tests.harness.cluster.api.answers.tables import scales
from tests.harness.cluster.api.conftest import Face
from tests.harness.kubectl import Kubectl

CREWS = "/apis/c.example.com/v1/namespaces/default/crews"


def in_default(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value).replace(b"NS.example.com", b"c.example.com"))


def define(face: Face) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    assert face.request("POST", definitions, in_default(scales.definition(**scales.PATHS))).code == 201
    crew = in_default(scales.crew(spec={"size": {"wanted": 2, "other": "x"}}))
    assert face.request("POST", f"{CREWS}?fieldManager=maker", crew).code == 201


def owners(face: Face) -> list[tuple[str, str, Any]]:
    """As a 1.34 server said after the same writes."""
    entries = face.request("GET", f"{CREWS}/c").json["metadata"]["managedFields"]
    return [(entry["manager"], entry.get("subresource", ""), entry["fieldsV1"]) for entry in entries]


def test_given_a_custom_type_when_its_scale_is_written_then_who_wrote_it_owns_the_replicas_where_they_are(
    face: Face,
) -> None:
    define(face)
    rest: tuple[str, str, Any] = ("maker", "", {"f:spec": {".": {}, "f:size": {".": {}, "f:other": {}}}})
    replicas: Any = {"f:spec": {"f:size": {"f:wanted": {}}}}
    scale = in_default(scales.scale(replicas=5))
    assert face.request("PUT", f"{CREWS}/c/scale?fieldManager=scaler", scale).code == 200
    assert owners(face) == [("scaler", "scale", replicas), rest]
    change = json.dumps({"spec": {"replicas": 6}}).encode()
    face.request("PATCH", f"{CREWS}/c/scale?fieldManager=other", change, Content_Type="application/merge-patch+json")
    assert owners(face) == [("other", "scale", replicas), rest]


def test_given_a_custom_type_then_kubectl_scales_it(face: Face, kubectl: Kubectl) -> None:
    define(face)
    assert kubectl("scale", "crew/c", "--replicas=4", "--current-replicas=2") == "crew.c.example.com/c scaled\n"
    assert face.request("GET", f"{CREWS}/c").json["spec"] == {"size": {"wanted": 4, "other": "x"}}
    refused = kubectl.run("scale", "crew/c", "--replicas=1", "--current-replicas=2")
    assert refused.stderr == "error: Expected replicas to be 2, was 4\n"
