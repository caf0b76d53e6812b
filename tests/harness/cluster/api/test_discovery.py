"""Discovery beside that of a real API server (fixtures/conformance/discovery.json): the same groups in order, the same verbs, names and subresources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

import fixtures
from harness.cluster.api.discovery import Catalogue
from harness.cluster.api.discovery.places import version_rank
from harness.cluster.store import Registry, Served
from harness.kube.resources import Resource

RECORDED = orjson.loads((Path(fixtures.__file__).parent / "conformance" / "discovery.json").read_bytes())
GROUPS: dict[str, Any] = {group["metadata"].get("name", ""): group for group in RECORDED["groups"]}
NOT_SERVED = {  # nothing here reads or writes them
    "": {"componentstatuses"},
    "certificates.k8s.io": {"certificatesigningrequests"},
    "networking.k8s.io": {"ipaddresses", "servicecidrs"},
    "storage.k8s.io": {"volumeattributesclasses"},
    "admissionregistration.k8s.io": {"validatingadmissionpolicies", "validatingadmissionpolicybindings"},
    "resource.k8s.io": {"deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices"},
    "flowcontrol.apiserver.k8s.io": {"flowschemas", "prioritylevelconfigurations"},
}
SUBRESOURCES_NOT_SERVED = {"proxy", "ephemeralcontainers", "resize"}


def expected(group: dict[str, Any]) -> dict[str, Any]:
    """A recorded group without what is not served here."""
    missing = NOT_SERVED.get(group["metadata"].get("name", ""), set())
    versions = []
    for version in group["versions"]:
        rows = []
        for row in version["resources"]:
            if row["resource"] in missing:
                continue
            subs = [sub for sub in row.get("subresources", ()) if sub["subresource"] not in SUBRESOURCES_NOT_SERVED]
            rest = {key: value for key, value in row.items() if key != "subresources"}
            rows.append({**rest, "subresources": subs} if subs else rest)
        versions.append({**version, "resources": rows})
    return {**group, "versions": versions}


@pytest.mark.parametrize(
    "name", [name for name in GROUPS if any(v["resources"] for v in expected(GROUPS[name])["versions"])]
)
def test_given_a_group_of_the_real_server_then_ours_is_the_same(name: str) -> None:
    items = Catalogue(Registry()).aggregated(core=not name)["items"]
    found = next(item for item in items if item["metadata"].get("name", "") == name)
    assert found == expected(GROUPS[name])


def test_given_the_groups_then_their_order_is_the_real_servers() -> None:
    ours = [group["name"] for group in Catalogue(Registry()).group_list()["groups"]]
    assert ours == [group["name"] for group in RECORDED["plain"] if group["name"] in ours]
    assert [group for group in RECORDED["plain"] if group["name"] in ours] == Catalogue(Registry()).group_list()[
        "groups"
    ]


def test_given_the_plain_form_then_it_says_the_same_as_the_aggregated_one() -> None:
    catalogue = Catalogue(Registry())
    rows = {row["name"]: row for row in catalogue.resource_list("", "v1")["resources"]}  # type: ignore[index]
    assert rows["pods/eviction"] == {
        "name": "pods/eviction",
        "singularName": "",
        "namespaced": True,
        "group": "policy",
        "version": "v1",
        "kind": "Eviction",
        "verbs": ["create"],
    }
    assert rows["services"]["categories"] == ["all"]
    assert catalogue.resource_list("apps", "v7") is None
    assert catalogue.group("nope") is None


def test_given_custom_types_and_metrics_then_they_come_last_and_custom_kinds_name_their_group() -> None:
    widget = Resource("example.com", "v1", "widgets", "Widget", True, "widget", ("wd",), ("all",), ("status", "scale"))
    catalogue = Catalogue(Registry().with_custom((Served(widget, custom=True),)), metrics=True)
    names = [item["metadata"]["name"] for item in catalogue.aggregated(core=False)["items"]]
    assert names[-2:] == ["example.com", "metrics.k8s.io"]
    row = catalogue.aggregated(core=False)["items"][-2]["versions"][0]["resources"][0]
    assert row["responseKind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert row["verbs"] == ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
    assert [sub["subresource"] for sub in row["subresources"]] == ["status", "scale"]
    listed = catalogue.resource_list("metrics.k8s.io", "v1beta1")
    assert listed is not None
    assert [row["verbs"] for row in listed["resources"]] == [["get", "list"]] * 2


def test_given_versions_then_they_stand_as_upstream_compares_them() -> None:
    given = ["v1alpha1", "foo", "v1", "v10beta3", "v2", "v11alpha2", "v10", "v3beta1", "v1beta2", "bar"]
    assert sorted(given, key=version_rank) == [
        "v10", "v2", "v1", "v10beta3", "v3beta1", "v1beta2", "v11alpha2", "v1alpha1", "bar", "foo",
    ]  # fmt: skip
