"""Small objects that the tables of requests are made of. NS stands for the namespace of a scenario."""

from __future__ import annotations

from typing import Any

Step = tuple[str, str, Any] | tuple[str, str, Any, str]
"""Method (or WAIT: until GET answers 200), path, body and, unless it follows from the method, content type."""
MERGE, STRATEGIC, JSON_PATCH = (
    f"application/{kind}+json" for kind in ("merge-patch", "strategic-merge-patch", "json-patch")
)

CONTAINER = {"name": "c", "image": "a:1"}
JOBS, DEPLOYMENTS = "/apis/batch/v1/namespaces/NS/jobs", "/apis/apps/v1/namespaces/NS/deployments"
PODS, MAPS, SECRETS = (f"/api/v1/namespaces/NS/{plural}" for plural in ("pods", "configmaps", "secrets"))
CLAIMS, SERVICES, BUDGETS = (
    "/api/v1/namespaces/NS/persistentvolumeclaims",
    "/api/v1/namespaces/NS/services",
    "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
)


def named(name: str, **body: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **body}


def pod(name: str = "p", container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return named(name, spec={"containers": [{**CONTAINER, **(container or {})}], **spec})


def job(name: str = "j", restart: str = "Never", **spec: Any) -> dict[str, Any]:
    return named(
        name,
        spec={"suspend": True, "template": {"spec": {"restartPolicy": restart, "containers": [CONTAINER]}}, **spec},
    )


def deployment(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
    return named(
        "d", spec={"paused": True, "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    )


def widgets(group: str = "NS.example.com") -> dict[str, Any]:
    properties = {
        "size": {"type": "integer", "minimum": 1},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "required": ["size"], "properties": properties}},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    names = {"plural": "widgets", "kind": "Widget"}
    return named(
        f"widgets.{group}", spec={"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    )
