"""OpenAPI documents: whole (each reference leads somewhere), complete (each served kind), and with what kubectl looks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from harness.cluster.api.discovery import catalogue
from harness.cluster.api.openapi import document, index, swagger_json, swagger_wire
from harness.cluster.api.openapi.documents import schema_name
from harness.cluster.store import Registry, Served
from harness.kube.resources import Resource

WIDGET = Resource("example.com", "v1", "widgets", "Widget", True, "widget", (), (), ("status", "scale"))
SCHEMA = {
    "type": "object",
    "description": "A widget is a thing.",
    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}}},
}
REGISTRY = Registry().with_custom((Served(WIDGET, custom=True, schema=SCHEMA),))
PLACES = catalogue(REGISTRY, True).versions()


def load(group: str, version: str) -> Any:
    body = document(REGISTRY, True, group, version)
    assert body is not None
    return orjson.loads(body)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize(("group", "version"), PLACES)
def test_given_a_document_then_every_reference_leads_somewhere_and_every_kind_is_there(
    group: str, version: str
) -> None:
    found = load(group, version)
    schemas = found["components"]["schemas"]
    assert {ref.removeprefix("#/components/schemas/") for ref in references(found)} <= set(schemas)
    for entry in catalogue(REGISTRY, True).served(group, version):
        kinds = schemas[schema_name(entry)]["x-kubernetes-group-version-kind"]
        wanted = {"group": group, "version": version, "kind": entry.resource.kind}
        assert wanted in kinds


def test_given_the_index_then_its_digests_change_with_the_documents() -> None:
    paths = orjson.loads(index(REGISTRY, True))["paths"]
    assert set(paths) == {f"apis/{group}/{version}" if group else f"api/{version}" for group, version in PLACES}
    other = Registry().with_custom((Served(WIDGET, custom=True, schema={"type": "object"}),))
    changed = orjson.loads(index(other, True))["paths"]
    assert [place for place in paths if paths[place] != changed[place]] == ["apis/example.com/v1"]


def test_given_a_definition_then_its_kind_has_the_common_fields_too() -> None:
    schema = load("example.com", "v1")["components"]["schemas"]["com.example.v1.Widget"]
    assert list(schema["properties"]) == ["apiVersion", "kind", "metadata", "spec"]
    assert schema["properties"]["apiVersion"]["description"].startswith("APIVersion defines the versioned schema")
    assert schema["properties"]["spec"]["properties"]["size"] == {"type": "integer", "minimum": 1}
    assert schema["description"] == "A widget is a thing."


def test_given_a_patch_then_it_says_which_kinds_of_patches_and_that_fields_are_validated() -> None:
    for group, version, path, strategic in (
        ("apps", "v1", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", True),
        ("example.com", "v1", "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}", False),
    ):
        patch = load(group, version)["paths"][path]["patch"]
        assert ("application/strategic-merge-patch+json" in patch["requestBody"]["content"]) is strategic
        assert "fieldValidation" in [parameter["name"] for parameter in patch["parameters"]]
        assert patch["x-kubernetes-action"] == "patch"


def test_given_a_list_that_merges_then_its_key_is_named() -> None:
    containers = load("apps", "v1")["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert (containers["x-kubernetes-patch-merge-key"], containers["x-kubernetes-patch-strategy"]) == ("name", "merge")


def test_given_v2_then_its_references_are_definitions_and_it_knows_no_v3_words() -> None:
    found = orjson.loads(swagger_json(REGISTRY, False))
    definitions = found["definitions"]
    assert {ref.removeprefix("#/definitions/") for ref in references(found)} <= set(definitions)
    schema = definitions["io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"]
    assert {"$ref", "allOf", "default"} <= set(schema["properties"])  # names of fields, not words of the dialect
    assert "allOf" not in definitions["io.k8s.api.core.v1.Pod"]["properties"]["spec"]
    assert (
        definitions["io.k8s.api.core.v1.Pod"]["properties"]["spec"]["$ref"]
        == "#/definitions/io.k8s.api.core.v1.PodSpec"
    )
    assert "com.example.v1.Widget" in definitions


def test_given_v2_as_protobuf_then_it_holds_every_definition() -> None:
    definitions = orjson.loads(swagger_json(REGISTRY, False))["definitions"]
    document = fields(swagger_wire(REGISTRY, False))
    assert document[1] == [b"2.0"]
    named = [fields(entry) for entry in fields(document[9][0])[1]]
    schemas = {entry[1][0].decode(): fields(entry[2][0]) for entry in named}
    assert set(schemas) == set(definitions)
    pod = schemas["io.k8s.api.core.v1.Pod"]
    assert pod[4] == [definitions["io.k8s.api.core.v1.Pod"]["description"].encode()]
    properties = [fields(entry)[1][0] for entry in fields(pod[25][0])[1]]
    assert properties == [b"apiVersion", b"kind", b"metadata", b"spec", b"status"]
    extensions = [fields(entry)[1][0] for entry in pod[31]]
    assert extensions == [b"x-kubernetes-group-version-kind"]


def fields(body: bytes) -> dict[int, list[bytes]]:
    """The length-delimited fields of a protobuf message; other fields are left out."""
    found: dict[int, list[bytes]] = {}
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = body[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(body):
        tag, size = varint(), varint()
        if tag & 7 == 2:
            found.setdefault(tag >> 3, []).append(body[place : place + size])
            place += size
    return found
