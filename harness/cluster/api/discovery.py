"""Discovery: which groups, versions, resources and verbs there are, in the old form and in the aggregated one that kubectl asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.cluster.store import Registry, Served
from harness.kube.resources import Resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_CHANGES = ["get", "patch", "update"]
REVIEWS = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False)


@dataclass(frozen=True)
class _Sub:
    """What a subresource takes: its verbs, and its kind where that is not the resource's own."""

    verbs: Sequence[str]
    group: str = ""
    version: str = ""
    kind: str = ""


_SUBRESOURCES: Mapping[str, _Sub] = {
    "status": _Sub(_CHANGES),
    "log": _Sub(["get"]),
    "binding": _Sub(["create"], "", "v1", "Binding"),
    "eviction": _Sub(["create"], "policy", "v1", "Eviction"),
    "scale": _Sub(_CHANGES, "autoscaling", "v1", "Scale"),
    "finalize": _Sub(["update"]),
}


def subresources(resource: Resource) -> tuple[str, ...]:
    """The subresources that the HTTP face serves."""
    return tuple(name for name in resource.subresources if name in _SUBRESOURCES)


def api_versions(address: str) -> dict[str, Any]:
    """/api"""
    places = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": places}


def group_list(registry: Registry) -> dict[str, Any]:
    """/apis"""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*item) for item in _groups(registry)]}


def group(registry: Registry, name: str) -> dict[str, Any] | None:
    """/apis/<group>"""
    versions = dict(_groups(registry)).get(name)
    return None if versions is None else {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def resource_list(registry: Registry, name: str, version: str) -> dict[str, Any] | None:
    """/api/v1 and /apis/<group>/<version>"""
    served = [entry for entry in _served(registry) if (entry.resource.group, entry.resource.version) == (name, version)]
    if not served:
        return None
    resources = [row for entry in served for row in _rows(entry.resource)]
    api_version = f"{name}/{version}" if name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources}


def aggregated(registry: Registry, *, core: bool) -> dict[str, Any]:
    """/api (the core group) and /apis (the others) in one document each."""
    groups = [("", ["v1"])] if core else list(_groups(registry))
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [_aggregated_group(registry, name, versions) for name, versions in groups],
    }


def _served(registry: Registry) -> Iterator[Served]:
    yield from registry.served
    yield Served(REVIEWS)


def _groups(registry: Registry) -> Iterator[tuple[str, list[str]]]:
    for name, versions in registry.versions().items():
        if name:
            yield name, versions
    yield REVIEWS.group, [REVIEWS.version]


def _group(name: str, versions: Sequence[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _rows(resource: Resource) -> Iterator[dict[str, Any]]:
    row: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular or resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": _verbs(resource),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    yield row
    for name in subresources(resource):
        sub = _SUBRESOURCES[name]
        row = {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": sub.kind or resource.kind,
            "verbs": list(sub.verbs),
        }
        if sub.kind:
            row.update({"group": sub.group, "version": sub.version})
        yield row


def _verbs(resource: Resource) -> list[str]:
    return ["create"] if resource == REVIEWS else list(_VERBS)


def _aggregated_group(registry: Registry, name: str, versions: Sequence[str]) -> dict[str, Any]:
    served = [entry.resource for entry in _served(registry) if entry.resource.group == name]
    listed = [
        {
            "version": version,
            "freshness": "Current",
            "resources": [_aggregated(resource) for resource in served if resource.version == version],
        }
        for version in versions
    ]
    return {
        "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
        "versions": listed,
    }


def _aggregated(resource: Resource) -> dict[str, Any]:
    body: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": _kind(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular or resource.kind.lower(),
        "verbs": _verbs(resource),
    }
    if resource.short_names:
        body["shortNames"] = list(resource.short_names)
    if resource.categories:
        body["categories"] = list(resource.categories)
    names = subresources(resource)
    if names:
        body["subresources"] = [_aggregated_sub(resource, name) for name in names]
    return body


def _aggregated_sub(resource: Resource, name: str) -> dict[str, Any]:
    sub = _SUBRESOURCES[name]
    kind = (
        _kind(sub.group, sub.version, sub.kind) if sub.kind else _kind(resource.group, resource.version, resource.kind)
    )
    return {"subresource": name, "responseKind": kind, "verbs": list(sub.verbs)}


def _kind(group_name: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group_name, "version": version, "kind": kind}
