"""Patches that no object comes of: codes, causes and texts of a 1.34 server, but for the object that the text quotes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.cluster.api.conftest import Face

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
KINDS = {kind: f"application/{kind}-patch+json" for kind in ("json", "merge", "strategic-merge")}
NUMBER = "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
LABELS = "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string"


@pytest.mark.parametrize(
    ("kind", "patch", "text"),
    [
        ("merge", {"data": {"a": 1}}, NUMBER),
        ("json", [{"op": "replace", "path": "/data/a", "value": 1}], NUMBER),
        ("merge", {"metadata": {"labels": ["a"]}}, LABELS),
    ],
)
def test_given_a_patch_to_what_cannot_be_read_then_the_patch_is_invalid(
    face: Face, kind: str, patch: Any, text: str
) -> None:
    face.request("POST", CONFIG_MAPS, {"metadata": {"name": "m"}, "data": {"a": "1"}})
    refused = face.request("PATCH", f"{CONFIG_MAPS}/m", patch, Content_Type=KINDS[kind])
    assert (refused.code, refused.json["reason"]) == (422, "Invalid")
    (cause,) = refused.json["details"]["causes"]
    assert (cause["field"], cause["reason"]) == ("patch", "FieldValueInvalid")
    assert refused.json["message"] == f' "" is invalid: patch: {cause["message"]}'
    assert cause["message"].startswith('Invalid value: "{')
    assert cause["message"].endswith(f'": {text}')


@pytest.mark.parametrize(
    ("kind", "patch", "text"),
    [
        (
            "merge",
            [1],
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (
            "merge",
            "x",
            "error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}",
        ),
        ("strategic-merge", [1], "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    ],
)
def test_given_a_patch_that_is_no_object_then_it_is_not_decoded(face: Face, kind: str, patch: Any, text: str) -> None:
    face.request("POST", CONFIG_MAPS, {"metadata": {"name": "m"}})
    refused = face.request("PATCH", f"{CONFIG_MAPS}/m", patch, Content_Type=KINDS[kind])
    assert (refused.code, refused.json["reason"], refused.json["message"]) == (400, "BadRequest", text)
