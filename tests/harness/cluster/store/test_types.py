"""The recorded types: JSON decoded as Go does it, protobuf as kubectl sends it, and how they are recorded."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.store.types import Malformed, Message, Undecodable, decode, decode_body, find_message, message_of
from harness.cluster.store.types.record import parse
from harness.kube.resources import BUILT_IN, CUSTOM_RESOURCE_DEFINITIONS

# What kubectl 1.32 posted for `create job jj --image=x:1 -- sleep 1`, `create pdb p1 --min-available=50% --selector=a=b` and
# `create secret generic ss --from-literal=a=b`.
JOB = (
    "6b3873000a0f0a0862617463682f763112034a6f621280010a120a026a6a12001a0022002a003200380042001260325e0a100a0012001a0022002a0032003800"
    "4200124a12270a026a6a1203783a311a05736c6565701a01312a0042006a007200800100880100900100a201001a054e65766572320042004a005200580060006800"
    "8201008a01009a0100c201001a082000280030003a001a002200"
)
BUDGET = (
    "6b3873000a200a09706f6c6963792f76311213506f6444697372757074696f6e42756467657412370a120a02703112001a0022002a003200380042001215"
    "0a09080110001a0335302512080a060a01611201621a0a080018002000280030001a002200"
)
SECRET = "6b3873000a0c0a0276311206536563726574121e0a120a02737312001a0022002a0032003800420012060a01611201621a001a002200"


def message(name: str) -> Message:
    found = find_message(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "name", "wanted"),
    [
        (
            JOB,
            "batch.Job",
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": "jj"},
                "spec": {
                    "template": {
                        "spec": {
                            "containers": [{"name": "jj", "image": "x:1", "command": ["sleep", "1"]}],
                            "restartPolicy": "Never",
                        }
                    }
                },
            },
        ),
        (
            BUDGET,
            "policy.PodDisruptionBudget",
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "p1"},
                "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}},
            },
        ),
        (
            SECRET,
            "core.Secret",
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ss"}, "data": {"a": "Yg=="}},
        ),
    ],
)
def test_given_what_kubectl_sends_then_it_decodes_to_the_object(body: str, name: str, wanted: dict[str, Any]) -> None:
    assert decode_body(bytes.fromhex(body), message(name)) == wanted


@pytest.mark.parametrize("cut", [1, 5, 20, 60])
def test_given_bytes_that_are_cut_off_then_they_are_malformed(cut: int) -> None:
    with pytest.raises(Malformed):
        decode_body(bytes.fromhex(JOB)[:-cut], message("batch.Job"))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("core.Pod", {"spec": []}, "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"),
        (
            "core.Pod",
            {"spec": {"containers": {}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            "core.Pod",
            {"spec": {"containers": [{"args": [1]}]}},
            "json: cannot unmarshal number into Go struct field Container.spec.containers.args of type string",
        ),
        (
            "core.Pod",
            {"metadata": {"labels": {"a": True}}},
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            "batch.Job",
            {"spec": {"suspend": "no"}},
            "json: cannot unmarshal string into Go struct field JobSpec.spec.suspend of type bool",
        ),
        (
            "batch.Job",
            {"spec": {"backoffLimit": "6"}},
            "json: cannot unmarshal string into Go struct field JobSpec.spec.backoffLimit of type int32",
        ),
        (
            "coordination.Lease",
            {"spec": {"renewTime": "now"}},
            'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now"',
        ),
    ],
)
def test_given_a_value_of_another_type_then_the_text_is_gos(name: str, value: dict[str, Any], text: str) -> None:
    with pytest.raises(Undecodable) as refused:
        decode(message(name), value, [])
    assert str(refused.value) == text


def test_given_nulls_empty_and_unknown_fields_then_they_vanish_and_what_go_always_writes_is_there() -> None:
    unknown: list[str] = []
    sent = {
        "kind": "Pod",
        "dota": 1,
        "metadata": {"name": "p", "labels": {}, "creationTimestamp": None},
        "spec": {"containers": [{"name": "c", "resource": {}, "args": []}], "volumes": [{"name": "v", "emptyDir": {}}]},
    }
    assert decode(message("core.Pod"), sent, unknown) == {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "resources": {}}], "volumes": [{"name": "v", "emptyDir": {}}]},
        "status": {},
    }
    assert unknown == ["dota", "spec.containers[0].resource"]


@pytest.mark.parametrize("resource", [r for r in BUILT_IN if r != CUSTOM_RESOURCE_DEFINITIONS], ids=lambda r: r.plural)
def test_given_a_built_in_kind_then_its_type_is_recorded(resource: Any) -> None:
    found = message_of(resource)
    assert found is not None
    assert "metadata" in found.fields


def test_given_a_definition_then_what_go_knows_of_each_field_is_recorded() -> None:
    proto = """
message Outer {
  // Name of it.
  optional string name = 1;

  optional Inner inner = 2;

  // +patchMergeKey=key
  // +patchStrategy=merge
  // +listType=map
  // +listMapKey=key
  // +listMapKey=other
  repeated .k8s.io.api.core.v1.Item items = 3;

  map<string, .k8s.io.apimachinery.pkg.api.resource.Quantity> amounts = 4;

  // +default=3
  optional int32 count = 5;

  // +patchStrategy=merge
  repeated string marks = 6;

  optional bool xOwn = 7;

  optional Inner part = 8;
}
"""
    go = """
type Outer struct {
	Name string `json:"name" protobuf:"bytes,1,opt,name=name"`
	Inner `json:",inline" protobuf:"bytes,2,opt,name=inner"`
	Count *int32 `json:"count,omitempty" protobuf:"varint,5,opt,name=count"`
	XOwn bool `json:"x-own,omitempty" protobuf:"bytes,7,opt,name=xOwn"`
	Part Inner `json:"part,omitempty" protobuf:"bytes,8,opt,name=part"`
}
"""
    assert parse("x", proto, go) == {
        "x.Outer": [
            [1, "name", "!string"],
            [2, "~inner", "x.Inner"],
            [3, "items", "[]core.Item", {"merge": "key", "type": "map", "keys": ["key", "other"]}],
            [4, "amounts", "map:Quantity"],
            [5, "count", "*int32", {"default": 3}],
            [6, "marks", "[]string", {"merge": ""}],
            [7, "x-own", "bool"],
            [8, "part", "!x.Inner"],
        ]
    }
