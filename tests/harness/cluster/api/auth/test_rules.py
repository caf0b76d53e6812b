"""RBAC rules as tables, and coverage as a property: what covers, allows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cluster.api.auth.attributes import Attributes
from harness.cluster.api.auth.rules import allows, breakdown, compact, uncovered
from harness.cluster.api.auth.users import User

ANN = User("ann")


def asks(verb: str, resource: str, *, group: str = "", name: str = "") -> Attributes:
    plural, _, subresource = resource.partition("/")
    return Attributes(ANN, verb, group, "v1", plural, subresource, "default", name)


def rule(verbs: str, resources: str, groups: str = ",", names: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {
        "verbs": verbs.split(","),
        "resources": resources.split(","),
        "apiGroups": sorted(set(groups.split(","))),
    }
    return {**found, "resourceNames": names.split(",")} if names else found


@pytest.mark.parametrize(
    ("given_rule", "asked", "wanted"),
    [
        (rule("get", "pods"), asks("get", "pods"), True),
        (rule("get", "pods"), asks("list", "pods"), False),
        (rule("get", "pods"), asks("get", "pods", group="apps"), False),
        (rule("get", "pods"), asks("get", "pods/log"), False),
        (rule("get", "pods/log"), asks("get", "pods/log"), True),
        (rule("get", "*/log"), asks("get", "pods/log"), True),
        (rule("get", "*/log"), asks("get", "pods"), False),
        (rule("*", "*", "*"), asks("delete", "deployments/scale", group="apps"), True),
        (rule("get", "secrets", names="a,b"), asks("get", "secrets", name="b"), True),
        (rule("get", "secrets", names="a,b"), asks("get", "secrets", name="c"), False),
        (rule("list", "secrets", names="a"), asks("list", "secrets"), False),
    ],
)
def test_given_a_rule_then_it_allows_what_upstreams_does(given_rule: Any, asked: Attributes, wanted: bool) -> None:
    assert allows(given_rule, asked) is wanted


@pytest.mark.parametrize(
    ("urls", "path", "wanted"),
    [
        (["/healthz"], "/healthz", True),
        (["/healthz"], "/healthz/ping", False),
        (["/api/*"], "/api/v1", True),
        (["/api/*"], "/api", False),
        (["*"], "/anything", True),
    ],
)
def test_given_a_path_rule_then_a_star_stands_for_its_end_only(urls: list[str], path: str, wanted: bool) -> None:
    assert allows({"verbs": ["get"], "nonResourceURLs": urls}, Attributes(ANN, "get", path=path)) is wanted


VALUES = st.lists(st.sampled_from(["get", "list", "*"]), min_size=1, max_size=2, unique=True)
RESOURCES = st.lists(st.sampled_from(["pods", "pods/log", "*/log", "nodes", "*"]), min_size=1, max_size=2, unique=True)
GROUPS = st.lists(st.sampled_from(["", "apps", "*"]), min_size=1, max_size=2, unique=True)
NAMES = st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True)
RULES = st.builds(
    lambda verbs, resources, groups, names: {
        "verbs": verbs,
        "resources": resources,
        "apiGroups": groups,
        **({"resourceNames": names} if names else {}),
    },
    VALUES,
    RESOURCES,
    GROUPS,
    NAMES,
)
ASKED = st.builds(
    lambda verb, resource, group, name: asks(verb, resource, group=group, name=name),
    st.sampled_from(["get", "list", "delete"]),
    st.sampled_from(["pods", "pods/log", "nodes", "services/log"]),
    st.sampled_from(["", "apps", "batch"]),
    st.sampled_from(["", "a", "b", "c"]),
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.lists(RULES, max_size=3), st.lists(RULES, max_size=3), ASKED)
def test_given_rules_that_others_cover_then_the_others_allow_all_that_they_allow(
    owned: list[Any], wanted: list[Any], asked: Attributes
) -> None:
    if not uncovered(owned, wanted) and any(allows(entry, asked) for entry in wanted):
        assert any(allows(entry, asked) for entry in owned)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(RULES, ASKED)
def test_given_a_rule_in_parts_then_they_allow_the_same(given_rule: Any, asked: Attributes) -> None:
    assert any(allows(part, asked) for part in breakdown(given_rule)) is allows(given_rule, asked)


def test_given_a_rule_then_its_text_is_upstreams() -> None:
    assert (
        compact(rule("get,list", "pods", "", "a"))
        == '{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}'
    )
    assert compact({"verbs": ["get"], "nonResourceURLs": ["/x"]}) == '{NonResourceURLs:["/x"], Verbs:["get"]}'
