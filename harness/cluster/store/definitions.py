"""CustomResourceDefinitions: what one serves, and what its object says about that (apiextensions v1, Kubernetes 1.34)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.store.registry import Served
from harness.cluster.store.rules import check_definitions
from harness.cluster.store.scalepaths import BUILT_IN as SCALE_OF_BUILT_IN
from harness.cluster.store.scalepaths import check_scale, paths_of
from harness.cluster.store.validation.causes import invalid, required
from harness.kube.errors import Cause
from harness.kube.resources import Resource

Draft = dict[str, Any]
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


def default_definition(definition: Draft, now: str) -> None:
    """Fill in names and conversion, and the status of an accepted definition; its instances hold it back by a finalizer."""
    spec = definition["spec"]
    names = spec["names"]
    names.setdefault("singular", str(names["kind"]).lower())
    names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    finalizers = definition["metadata"].setdefault("finalizers", [])
    if CLEANUP not in finalizers:
        finalizers.append(CLEANUP)
    definition["status"] = {
        "conditions": [
            _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
            _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
        ],
        "acceptedNames": names,
        "storedVersions": [version["name"] for version in spec["versions"] if version.get("storage")],
    }


def check_definition(definition: Mapping[str, Any]) -> list[Cause]:
    """Group, names, scope and versions; exactly one of these is stored, and each has a schema."""
    spec = definition.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    causes = [required("spec.group")] if not spec.get("group") else []
    causes += [required(f"spec.names.{key}") for key in ("plural", "kind") if not names.get(key)]
    if spec.get("scope") not in {"Cluster", "Namespaced"}:
        causes.append(required("spec.scope", 'write "Cluster" or "Namespaced"'))
    if sum(bool(version.get("storage")) for version in versions) != 1:
        causes.append(invalid("spec.versions", versions, "must have exactly one version marked as storage version"))
    for position, version in enumerate(versions):
        if not version.get("name"):
            causes.append(required(f"spec.versions[{position}].name"))
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            causes.append(required(f"spec.versions[{position}].schema.openAPIV3Schema", "schemas are required"))
    causes += _check_scales(versions) + _check_rules(versions)
    name = (definition.get("metadata") or {}).get("name")
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if not causes and name != wanted:
        causes.append(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    return causes


def _check_scales(versions: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """Where all versions have the same subresources upstream looks at them once, as those of the spec."""
    scales = [(version.get("subresources") or {}).get("scale") for version in versions]
    if scales and all(scale == scales[0] for scale in scales):
        return [] if scales[0] is None else check_scale("spec.subresources.scale", scales[0])
    found = [(position, scale) for position, scale in enumerate(scales) if scale is not None]
    return [c for n, scale in found for c in check_scale(f"spec.versions[{n}].subresources.scale", scale)]


def _check_rules(versions: Sequence[Mapping[str, Any]]) -> list[Cause]:
    """Where all versions have the same schema upstream looks at it once, as that of the spec."""
    schemas = [(version.get("schema") or {}).get("openAPIV3Schema") or {} for version in versions]
    if schemas and all(schema == schemas[0] for schema in schemas):
        return check_definitions(schemas[0], "spec.validation.openAPIV3Schema")
    places = enumerate(schemas)
    return [c for n, schema in places for c in check_definitions(schema, f"spec.versions[{n}].schema.openAPIV3Schema")]


def served_by(definition: Mapping[str, Any]) -> tuple[Served, ...]:
    """The resource types of a valid definition, one a served version."""
    spec = definition["spec"]
    return tuple(
        _served(spec, version) for version in spec["versions"] if version.get("served") or version.get("storage")
    )


def _served(spec: Mapping[str, Any], version: Mapping[str, Any]) -> Served:
    names = spec["names"]
    subresources = version.get("subresources") or {}
    resource = Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        singular=names.get("singular", str(names["kind"]).lower()),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(name for name in ("status", "scale") if name in subresources),
    )
    return Served(
        resource,
        custom=True,
        storage=bool(version.get("storage")),
        schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        scale=paths_of(subresources["scale"]) if "scale" in subresources else SCALE_OF_BUILT_IN,
    )


def _condition(kind: str, reason: str, message: str, now: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
