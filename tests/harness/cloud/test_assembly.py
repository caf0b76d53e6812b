"""Templates: intrinsic functions, order of creation, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.cloud.assembly import (
    CircularDependency,
    Stack,
    TemplateUnreadable,
    Treatment,
    UnknownIntrinsic,
    Unresolvable,
    load,
    parse_stack,
)
from harness.cloud.assembly.coverage import Coverage, Covered
from harness.cloud.assembly.intrinsics import resolve
from harness.cloud.assembly.order import creation_order
from harness.cloud.provision.model import Physical
from harness.cloud.provision.scope import StackScope


def _scope(**template: Any) -> StackScope:
    stack = parse_stack("stack", {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}, **template})
    scope = StackScope(stack, region="us-east-1", account_id="123456789012", exports={"net:Vpc": "vpc-1"})
    scope.add("Bucket", Physical("bucket-1", {"Arn": "arn:aws:s3:::bucket-1"}))
    return scope


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Bucket"}, "bucket-1"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::bucket-1"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::bucket-1"),
        ({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":x"]]}, "arn:aws:x"),
        (
            {"Fn::Sub": "${AWS::AccountId}/${Bucket}/${Bucket.Arn}/${!Bucket}"},
            "123456789012/bucket-1/arn:aws:s3:::bucket-1/${Bucket}",
        ),
        ({"Fn::Sub": ["${Name}-x", {"Name": {"Ref": "Bucket"}}]}, "bucket-1-x"),
        ({"Fn::Select": [1, {"Fn::Split": ["-", "a-b-c"]}]}, "b"),
        ({"Fn::Select": ["0", {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"Fn::ImportValue": "net:Vpc"}, "vpc-1"),
        ({"Fn::If": ["IsDev", "yes", "no"]}, "yes"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "Small"]}, 3),
        ({"Fn::Base64": "x"}, "eA=="),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Ref": "Stage"}, "dev"),
        (["plain", 1, None], ["plain", 1, None]),
    ],
)
def test_given_a_function_when_it_is_resolved_then_its_value_stands_there(value: Any, expected: Any) -> None:
    scope = _scope(
        Parameters={"Stage": {"Type": "String", "Default": "dev"}},
        Mappings={"Sizes": {"us-east-1": {"Small": 3}}},
        Conditions={
            "IsDev": {"Fn::And": [{"Fn::Equals": [{"Ref": "Stage"}, "dev"]}, {"Fn::Not": [{"Condition": "IsProd"}]}]},
            "IsProd": {"Fn::Or": [{"Fn::Equals": ["a", "b"]}]},
        },
    )
    assert resolve(value, scope, "place") == expected


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ({"a": [{"Fn::Transform": {}}]}, UnknownIntrinsic, r"place\.a\[0\]: Fn::Transform is not resolved here"),
        ({"Ref": "Nobody"}, Unresolvable, "place: Ref Nobody is neither a parameter nor a resource of stack stack"),
        (
            {"Fn::GetAtt": ["Bucket", "Colour"]},
            Unresolvable,
            r"Bucket \(AWS::S3::Bucket\) has no attribute Colour here, known are Arn",
        ),
        ({"Fn::ImportValue": "net:Other"}, Unresolvable, "no stack before stack exports net:Other"),
        ({"Fn::Select": [5, ["a"]]}, Unresolvable, "Fn::Select has no entry 5"),
        ({"Fn::FindInMap": ["M", "a", "b"]}, Unresolvable, "mapping M is not defined"),
        ({"Fn::If": ["C", 1, 2]}, Unresolvable, "condition C is not defined"),
        ({"Fn::GetAZs": "eu-west-1"}, Unresolvable, "the stacks are in us-east-1"),
    ],
)
def test_given_a_function_that_cannot_be_resolved_when_it_is_then_the_error_names_the_place(
    value: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        resolve(value, _scope(), "place")


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/x"}, "an SSM parameter has no value here"),
        ({"Type": "String"}, "a parameter without Default"),
    ],
)
def test_given_a_parameter_without_a_value_when_the_stack_is_read_then_it_is_refused(
    parameter: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(Unresolvable, match=message):
        _scope(Parameters={"P": parameter})


def _stack(resources: Mapping[str, Any]) -> Stack:
    return parse_stack("s", {"Resources": resources})


def test_given_references_of_all_kinds_when_resources_are_ordered_then_each_comes_after_what_it_needs() -> None:
    stack = _stack(
        {
            "A": {"Type": "T", "Properties": {"x": {"Ref": "C"}}},
            "B": {"Type": "T", "Properties": {"x": {"Fn::Sub": "${D.Arn} ${AWS::Region}"}}},
            "C": {"Type": "T", "DependsOn": "B"},
            "D": {"Type": "T", "Properties": {"x": [{"Fn::GetAtt": ["E", "Arn"]}]}},
            "E": {"Type": "T"},
        }
    )
    assert [resource.logical_id for resource in creation_order(stack)] == ["E", "D", "B", "C", "A"]


def test_given_a_circle_when_resources_are_ordered_then_the_error_shows_it() -> None:
    stack = _stack({"A": {"Type": "T", "DependsOn": ["B"]}, "B": {"Type": "T", "Properties": {"x": {"Ref": "A"}}}})
    with pytest.raises(CircularDependency, match="A -> B -> A"):
        creation_order(stack)


def test_given_a_depends_on_that_names_nothing_when_resources_are_ordered_then_it_is_refused() -> None:
    with pytest.raises(Unresolvable, match="DependsOn names X"):
        creation_order(_stack({"A": {"Type": "T", "DependsOn": "X"}}))


def _write(tmp_path: Path, index: Any, **templates: Any) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "stacks.json").write_text(json.dumps(index))
    for name, body in templates.items():
        (folder / f"{name}.json").write_text(json.dumps(body))
    return tmp_path


def test_given_stacks_in_any_order_when_they_are_loaded_then_each_comes_after_those_it_depends_on(
    tmp_path: Path,
) -> None:
    index = [
        {"name": "b", "template": "b.json", "depends_on": ["a"]},
        {"name": "a", "template": "a.json", "depends_on": []},
    ]
    directory = _write(tmp_path, index, a={"Resources": {}}, b={"Resources": {"R": {"Type": "T"}}})

    assembly = load(directory)

    assert [stack.name for stack in assembly.stacks] == ["a", "b"]
    assert [resource.place for resource in assembly.resources()] == ["b/R (T)"]


@pytest.mark.parametrize(
    ("index", "templates", "error", "message"),
    [
        ([{"name": "a", "template": "a.json"}], {}, TemplateUnreadable, "a.json: no such file"),
        ([{"name": "a", "template": "a.json"}], {"a": {}}, TemplateUnreadable, "it has no Resources"),
        (
            [{"name": "a", "template": "a.json", "depends_on": ["z"]}],
            {"a": {"Resources": {}}},
            TemplateUnreadable,
            "depends on z",
        ),
        ({}, {}, TemplateUnreadable, "not a list of stacks"),
        ([{"name": "a"}], {}, TemplateUnreadable, "an entry needs name and template"),
        (
            [
                {"name": "a", "template": "a.json", "depends_on": ["b"]},
                {"name": "b", "template": "a.json", "depends_on": ["a"]},
            ],
            {"a": {"Resources": {}}},
            CircularDependency,
            "stacks wait for each other: a, b",
        ),
    ],
)
def test_given_a_rendered_directory_that_is_wrong_when_it_is_loaded_then_the_error_says_how(
    tmp_path: Path, index: Any, templates: Mapping[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(_write(tmp_path, index, **templates))


def test_given_coverage_lines_when_they_are_shown_then_counts_come_first_and_nothing_is_left_out() -> None:
    coverage = Coverage(
        [
            Covered("s", "B", "AWS::S3::Bucket", Treatment.PROVISIONED, ("Analytics",)),
            Covered("s", "X", "AWS::X::Y", Treatment.NOT_COVERED),
        ]
    )
    text = coverage.as_text()
    assert text.splitlines()[0] == "2 resources: 1 provisioned, 0 modelled, 0 asserted, 1 not covered"
    assert "(not applied: Analytics)" in text
    assert [line.logical_id for line in coverage.of(Treatment.NOT_COVERED)] == ["X"]
