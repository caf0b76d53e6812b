"""Writes fixtures/facts/kubernetes-{openapi,columns,rbac}.json.xz and fixtures/conformance/discovery.json from a real control plane.

    python -m tests.conformance.record.definitions KUBECONFIG

The first holds the schemas of the built-in kinds as OpenAPI v3 publishes them (what `kubectl explain` prints), the second what each column of a Table means,
the third the roles and bindings that a new cluster has, the last which resources there are with which verbs.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path
from typing import Any

import orjson

from tests.conformance.real import AGGREGATED, TABLE, RealServer

_BOOTSTRAP = "kubernetes.io/bootstrapping%3Drbac-defaults"
ROOT = Path(__file__).parents[3] / "fixtures"


def schemas(server: RealServer) -> dict[str, Any]:
    """Every schema of the built-in groups by its name."""
    found: dict[str, Any] = {}
    for place in sorted(server.get("/openapi/v3")["paths"]):
        if place.startswith(("api/", "apis/")):
            document = server.get(f"/openapi/v3/{place}")
            found.update(document.get("components", {}).get("schemas", {}))
    return {name: found[name] for name in sorted(found)}


def columns(server: RealServer, groups: list[Any]) -> dict[str, dict[str, str]]:
    """What each column of each kind's Table means."""
    found = {}
    for group in groups:
        name = group["metadata"].get("name", "")
        for version in group["versions"]:
            for entry in version.get("resources", ()):
                if "list" not in entry["verbs"]:
                    continue
                root = f"/apis/{name}/{version['version']}" if name else "/api/v1"
                table = server.get(f"{root}/{entry['resource']}", TABLE)
                key = f"{entry['resource']}.{name}" if name else entry["resource"]
                found[key] = {column["name"]: column["description"] for column in table["columnDefinitions"]}
    return {key: found[key] for key in sorted(found)}


def roles(server: RealServer) -> dict[str, list[Any]]:
    """The bootstrap roles and bindings by their plural."""
    found = {}
    for plural in ("clusterroles", "clusterrolebindings", "roles", "rolebindings"):
        listed = server.get(f"/apis/rbac.authorization.k8s.io/v1/{plural}?labelSelector={_BOOTSTRAP}")["items"]
        for item in listed:
            kept = ("name", "namespace", "labels", "annotations")
            item["metadata"] = {key: item["metadata"][key] for key in kept if key in item["metadata"]}
        found[plural] = listed
    return found


def main(kubeconfig: str) -> None:
    """Record all of them."""
    server = RealServer(Path(kubeconfig))
    version = server.get("/version")["gitVersion"]
    source = {
        "recorded": f"from a kube-apiserver {version}",
        "command": "python -m tests.conformance.record.definitions",
    }
    groups = [*server.get("/api", AGGREGATED)["items"], *server.get("/apis", AGGREGATED)["items"]]
    facts, conformance = ROOT / "facts", ROOT / "conformance"
    _pack(facts / "kubernetes-openapi.json.xz", {"source": source, "schemas": schemas(server)})
    _pack(facts / "kubernetes-columns.json.xz", {"source": source, "columns": columns(server, groups)})
    _pack(facts / "kubernetes-rbac.json.xz", {"source": source, "objects": roles(server)})
    discovery = {"source": source, "groups": groups, "plain": server.get("/apis")["groups"]}
    (conformance / "discovery.json").write_bytes(orjson.dumps(discovery, option=orjson.OPT_INDENT_2) + b"\n")


def _pack(path: Path, value: Any) -> None:
    path.write_bytes(lzma.compress(orjson.dumps(value), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(sys.argv[1])
