"""The three patch types on plain values; what they do to stored objects is in test_writes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.store.patching import apply_patch
from harness.cluster.store.types import find_message
from harness.kube.errors import ApiError
from harness.kube.objects import freeze
from harness.kube.strategic import Unmergeable

POD = find_message("core.Pod")
REFUSED = "the server rejected our request due to an error in our request"


@pytest.mark.parametrize(
    ("target", "patch", "wanted"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_given_rfc_7386_then_its_examples_hold(target: Any, patch: Any, wanted: Any) -> None:
    assert apply_patch(freeze(target), patch, "merge") == wanted


@pytest.mark.parametrize(
    ("target", "patch", "wanted"),
    [
        ({"a": [1, 2]}, [{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": 1}, [{"op": "remove", "path": "/a"}], {}),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/0", "value": 3}], {"a": [3, 2]}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a/b": 1, "m~n": 2}, [{"op": "remove", "path": "/a~1b"}, {"op": "remove", "path": "/m~0n"}], {}),
        (
            {"a": 1},
            [{"op": "test", "path": "/a", "value": 1}, {"op": "add", "path": "/b", "value": 2}],
            {"a": 1, "b": 2},
        ),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ],
)
def test_given_rfc_6902_then_operations_apply_in_order(target: Any, patch: Any, wanted: Any) -> None:
    assert apply_patch(freeze(target), patch, "json") == wanted


@pytest.mark.parametrize(
    ("patch", "code", "message"),
    [
        ([{"op": "remove", "path": "/nope"}], 422, REFUSED),
        ([{"op": "replace", "path": "/list/5", "value": 1}], 422, REFUSED),
        ([{"op": "test", "path": "/a", "value": 2}], 422, REFUSED),
        ([{"op": "add", "path": "/list/5", "value": 2}], 422, REFUSED),
        (
            [{"op": "zip", "path": "/a"}],
            400,
            "error decoding patch: unexpected kind: zip; write add, remove, replace, move, copy or test",
        ),
        ([{"op": "add", "path": "a"}], 400, "error decoding patch: path 'a' is no JSON pointer, begin it with /"),
        ({"op": "add"}, 400, "error decoding patch: a JSON patch has to be a list of operations"),
    ],
)
def test_given_a_json_patch_that_cannot_be_done_then_it_is_refused(patch: Any, code: int, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        apply_patch({"a": 1, "list": [1]}, patch, "json")
    assert (refused.value.code, refused.value.message) == (code, message)


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": spec}


@pytest.mark.parametrize(
    ("target", "patch", "wanted"),
    [
        (  # containers and their environment merge by name; what the patch names comes before what only the server has
            pod(containers=[{"name": "a", "image": "x", "env": [{"name": "E", "value": "1"}]}, {"name": "b"}]),
            pod(containers=[{"name": "a", "image": "y", "env": [{"name": "F", "value": "2"}]}]),
            pod(
                containers=[
                    {"name": "a", "image": "y", "env": [{"name": "F", "value": "2"}, {"name": "E", "value": "1"}]},
                    {"name": "b"},
                ]
            ),
        ),
        (
            pod(containers=[{"name": "a"}, {"name": "b"}]),
            pod(containers=[{"name": "a", "$patch": "delete"}]),
            pod(containers=[{"name": "b"}]),
        ),
        (
            pod(containers=[{"name": "a"}, {"name": "b"}]),
            pod(containers=[{"$patch": "replace"}, {"name": "c"}]),
            pod(containers=[{"name": "c"}]),
        ),
        (  # tolerations are atomic
            pod(tolerations=[{"key": "a"}, {"key": "b"}]),
            pod(tolerations=[{"key": "c"}]),
            pod(tolerations=[{"key": "c"}]),
        ),
        (
            pod(volumes=[{"name": "v", "emptyDir": {}}]),
            {
                "metadata": {"name": "p"},
                "spec": {"$setElementOrder/volumes": [{"name": "w"}, {"name": "v"}], "volumes": [{"name": "w"}]},
            },
            pod(volumes=[{"name": "w"}, {"name": "v", "emptyDir": {}}]),
        ),
        (
            pod(volumes=[{"name": "v", "emptyDir": {}}]),
            pod(volumes=[{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]),
            pod(volumes=[{"name": "v", "hostPath": {"path": "/x"}}]),
        ),
        (
            {"metadata": {"finalizers": ["a/b", "c/d"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/b"], "finalizers": ["e/f"]}},
            {"metadata": {"finalizers": ["e/f", "c/d"]}},
        ),
        (
            pod(securityContext={"runAsUser": 1}),
            pod(securityContext={"$patch": "replace", "fsGroup": 2}),
            pod(securityContext={"fsGroup": 2}),
        ),
        (pod(securityContext={"runAsUser": 1}), pod(securityContext={"$patch": "delete"}), pod(securityContext={})),
        (
            {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
            {
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}]
                }
            },
            {
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}]
                }
            },
        ),
    ],
)
def test_given_a_strategic_patch_then_lists_merge_as_their_type_says(target: Any, patch: Any, wanted: Any) -> None:
    assert apply_patch(freeze(target), patch, "strategic", POD) == wanted


def test_given_a_strategic_patch_without_its_merge_key_then_it_is_refused() -> None:
    with pytest.raises(Unmergeable, match=r"map: map\[image:x\] does not contain declared merge key: name"):
        apply_patch(pod(containers=[{"name": "a"}]), pod(containers=[{"image": "x"}]), "strategic", POD)


def test_given_a_patch_then_what_it_does_not_touch_is_the_same_object() -> None:
    target = freeze({"a": {"deep": {"er": 1}}, "b": {"c": 1}})
    assert apply_patch(target, {"b": {"c": 2}}, "merge")["a"] is target["a"]
