"""Where an object is in the API."""

from __future__ import annotations

from urllib.parse import quote

from harness.kube.resources import Resource


def path_of(resource: Resource, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    """E.g. `/apis/batch/v1/namespaces/x/jobs/y/status`; without a name the collection."""
    parts = ["apis", resource.group, resource.version] if resource.group else ["api", resource.version]
    if resource.namespaced and namespace:
        parts += ["namespaces", namespace]
    parts.append(resource.plural)
    if name:
        parts.append(name)
    if subresource:
        parts.append(subresource)
    return "/" + "/".join(quote(part, safe="") for part in parts)
