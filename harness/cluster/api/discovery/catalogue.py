"""The documents of discovery: /api, /apis, /apis/<group>, /apis/<group>/<version>, and the aggregated form of the first two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from harness.cluster.api.discovery.places import (
    CREATED_ONLY,
    METRICS,
    group_rank,
    sub,
    subresources,
    verbs,
    version_rank,
)
from harness.cluster.store import Registry, Served
from harness.kube.resources import Resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Catalogue:
    """What one registry serves, and (with `metrics`) what a metrics-server adds."""

    def __init__(self, registry: Registry, *, metrics: bool = False) -> None:
        added = (*CREATED_ONLY, *(METRICS if metrics else ()))
        entries = [*registry.served, *(Served(resource) for resource in added)]
        self._groups: dict[str, dict[str, list[Served]]] = {}
        for entry in sorted(entries, key=lambda entry: _rank(entry.resource)):
            versions = self._groups.setdefault(entry.resource.group, {})
            versions.setdefault(entry.resource.version, []).append(entry)

    def api_versions(self, address: str) -> dict[str, Any]:
        """/api"""
        places = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": places}

    def group_list(self) -> dict[str, Any]:
        """/apis"""
        groups = [_group(name, list(versions)) for name, versions in self._groups.items() if name]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def group(self, name: str) -> dict[str, Any] | None:
        """/apis/<group>"""
        versions = self._groups.get(name)
        return None if versions is None else {"kind": "APIGroup", "apiVersion": "v1", **_group(name, list(versions))}

    def resource_list(self, name: str, version: str) -> dict[str, Any] | None:
        """/api/v1 and /apis/<group>/<version>"""
        served = self._groups.get(name, {}).get(version)
        if served is None:
            return None
        rows = [row for entry in served for row in _rows(entry)]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{name}/{version}" if name else version,
            "resources": rows,
        }

    def aggregated(self, *, core: bool) -> dict[str, Any]:
        """/api (the core group) and /apis (the others) in one document each."""
        names = [name for name in self._groups if bool(name) is not core]
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": [self._aggregated_group(name) for name in names],
        }

    def versions(self) -> list[tuple[str, str]]:
        """Every group with every version."""
        return [(name, version) for name, versions in self._groups.items() for version in versions]

    def served(self, group: str, version: str) -> Sequence[Served]:
        """The types of a group and version."""
        return self._groups.get(group, {}).get(version, ())

    def paths(self) -> list[str]:
        """The places of all groups and versions."""
        found = ["/api", "/api/v1", "/apis"]
        for name, versions in self._groups.items():
            if name:
                found += [f"/apis/{name}", *(f"/apis/{name}/{version}" for version in versions)]
        return found

    def _aggregated_group(self, name: str) -> dict[str, Any]:
        listed = [
            {"version": version, "resources": [_aggregated(entry) for entry in served], "freshness": "Current"}
            for version, served in self._groups[name].items()
        ]
        return {"metadata": {"name": name} if name else {}, "versions": listed}


@lru_cache(maxsize=8)
def catalogue(registry: Registry, metrics: bool) -> Catalogue:
    """The catalogue of a registry, which never changes."""
    return Catalogue(registry, metrics=metrics)


def _rank(resource: Resource) -> tuple[object, ...]:
    return bool(resource.group), group_rank(resource.group), version_rank(resource.version), resource.plural


def _group(name: str, versions: Sequence[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _described(entry: Served) -> dict[str, Any]:
    """What both forms say of a type beside its name and kind."""
    resource = entry.resource
    body: dict[str, Any] = {"verbs": list(verbs(resource, custom=entry.custom))}
    if resource.short_names:
        body["shortNames"] = list(resource.short_names)
    if resource.categories:
        body["categories"] = list(resource.categories)
    return body


def _subs(entry: Served) -> list[str]:
    names = subresources(entry.resource)
    return list(names) if entry.custom else sorted(names)


def _rows(entry: Served) -> Iterator[dict[str, Any]]:
    resource = entry.resource
    kinds = {"namespaced": resource.namespaced, "kind": resource.kind}
    yield {"name": resource.plural, "singularName": resource.singular, **kinds, **_described(entry)}
    for name in _subs(entry):
        found = sub(name)
        place = {"group": found.group, "version": found.version} if found.version else {}
        kind = {"kind": found.kind or resource.kind}
        head = {"name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced}
        yield {**head, **place, **kind, "verbs": list(found.verbs)}


def _aggregated(entry: Served) -> dict[str, Any]:
    resource = entry.resource
    own = _kind(resource.group, resource.version, resource.kind) if entry.custom else _kind("", "", resource.kind)
    body: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": own,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        **_described(entry),
    }
    subs = [
        {
            "subresource": name,
            "responseKind": _kind(found.group, found.version, found.kind) if (found := sub(name)).kind else own,
            "verbs": list(found.verbs),
        }
        for name in _subs(entry)
    ]
    return {**body, "subresources": subs} if subs else body


def _kind(group: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind}
