"""CustomResourceDefinitions: what one serves, prunes, defaults and refuses, and how it goes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.store import Store
from harness.kube.errors import BadRequest, Invalid, NotFound
from harness.kube.objects import is_true
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "parts": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}}},
        },
    },
}


def definition(*, status: bool = True, name: str = "widgets.example.com") -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"spec": SPEC, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if status:
        version["subresources"] = {"status": {}}
    names = {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]}
    return {
        "metadata": {"name": name},
        "spec": {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [version]},
    }


def widget(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "w", "namespace": "default"}, "spec": {"size": 1, **spec}}


def test_given_no_definition_then_the_type_is_not_served(store: Store) -> None:
    assert store.list(WIDGETS) == []
    with pytest.raises(NotFound, match="the server could not find the requested resource"):
        store.create(WIDGETS, widget())


def test_given_a_definition_then_it_is_established_and_its_type_served(store: Store) -> None:
    seen: list[str] = []
    store.observe(WIDGETS, lambda change, obj, _old: seen.append(f"{change} {obj['metadata']['name']}"))
    made = store.create(CUSTOM_RESOURCE_DEFINITIONS, definition())
    assert is_true(made, "Established")
    assert is_true(made, "NamesAccepted")
    assert made["status"]["storedVersions"] == ["v1"]
    created = store.create(WIDGETS, widget(free={"any": {"thing": [1]}}, unknown=1, parts=[{"name": "a", "x": 1}]))
    assert created["spec"] == {"size": 1, "colour": "red", "free": {"any": {"thing": [1]}}, "parts": [{"name": "a"}]}
    assert (created["apiVersion"], created["kind"], created["metadata"]["generation"]) == (
        "example.com/v1",
        "Widget",
        1,
    )
    assert seen == ["ADDED w"]


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({"size": 0}, ["spec.size"]),
        ({"size": "big"}, ["spec.size"]),
        ({"size": None}, ["spec.size"]),
        ({"colour": "green"}, ["spec.colour"]),
        ({"parts": [{"name": "A"}]}, ["spec.parts[0].name"]),
        ({"parts": {}}, ["spec.parts"]),
    ],
)
def test_given_a_value_against_the_schema_then_it_is_refused(
    store: Store, spec: dict[str, Any], fields: list[str]
) -> None:
    store.create(CUSTOM_RESOURCE_DEFINITIONS, definition())
    with pytest.raises(Invalid) as refused:
        store.create(WIDGETS, widget(**spec))
    assert [cause["field"] for cause in refused.value.details["causes"]] == fields


def test_given_strict_decoding_then_unknown_fields_are_refused(store: Store) -> None:
    store.create(CUSTOM_RESOURCE_DEFINITIONS, definition())
    with pytest.raises(BadRequest, match=r'strict decoding error: unknown field "spec\.unknown"'):
        store.create(WIDGETS, widget(unknown=1), strict=True)


@pytest.mark.parametrize(("status", "generation", "kept"), [(True, 1, {}), (False, 2, {"phase": "Done"})])
def test_given_a_status_subresource_then_it_alone_writes_the_status(
    store: Store, status: bool, generation: int, kept: dict[str, str]
) -> None:
    store.create(CUSTOM_RESOURCE_DEFINITIONS, definition(status=status))
    store.create(WIDGETS, widget())
    changed = store.patch(WIDGETS, "default", "w", {"status": {"phase": "Done"}})
    assert (changed.get("status", {}), changed["metadata"]["generation"]) == (kept, generation)
    if status:
        through = store.patch(
            WIDGETS, "default", "w", {"status": {"phase": "Done"}, "spec": {"size": 9}}, subresource="status"
        )
        assert (through["status"], through["spec"]["size"]) == ({"phase": "Done"}, 1)


def test_given_a_definition_that_is_deleted_then_it_waits_for_its_last_instance(store: Store) -> None:
    store.create(CUSTOM_RESOURCE_DEFINITIONS, definition())
    held = widget()
    held["metadata"]["finalizers"] = ["example.com/hold"]
    store.create(WIDGETS, held)
    store.create(WIDGETS, {**widget(), "metadata": {"name": "free", "namespace": "default"}})
    store.delete(CUSTOM_RESOURCE_DEFINITIONS, None, "widgets.example.com")
    assert [obj["metadata"]["name"] for obj in store.list(WIDGETS)] == ["w"]
    assert store.get(CUSTOM_RESOURCE_DEFINITIONS, None, "widgets.example.com") is not None
    store.patch(WIDGETS, "default", "w", {"metadata": {"finalizers": []}})
    assert store.list(CUSTOM_RESOURCE_DEFINITIONS) == []
    with pytest.raises(NotFound, match="could not find the requested resource"):
        store.create(WIDGETS, widget())


@pytest.mark.parametrize(
    ("change", "field"),
    [({"scope": "Galaxy"}, "spec.scope"), ({"group": ""}, "spec.group"), ({"versions": []}, "spec.versions")],
)
def test_given_a_wrong_definition_then_it_is_refused(store: Store, change: dict[str, Any], field: str) -> None:
    wrong = definition()
    wrong["spec"].update(change)
    with pytest.raises(Invalid) as refused:
        store.create(CUSTOM_RESOURCE_DEFINITIONS, wrong)
    assert field in [cause["field"] for cause in refused.value.details["causes"]]


def test_given_a_definition_of_another_name_then_it_is_refused(store: Store) -> None:
    with pytest.raises(Invalid, match=r'must be spec\.names\.plural\+"\."\+spec\.group'):
        store.create(CUSTOM_RESOURCE_DEFINITIONS, definition(name="gadgets.example.com"))
