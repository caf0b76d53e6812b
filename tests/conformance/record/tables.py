"""Writes fixtures/conformance/tables.json.xz: the tables that a real API server prints of the objects of fixtures/conformance/tables-objects.yaml.

    python -m tests.conformance.record.tables KUBECONFIG

The rows carry the whole objects, and each table the moment at which it was printed, so that another printer can be asked for the same. Objects that are there
of themselves (events, leases, roles) are kept, too. Run it against a control plane that may be thrown away: it leaves finalizers and cluster-wide objects.
"""

from __future__ import annotations

import lzma
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.conformance.real import AGGREGATED, TABLE, RealServer

FIXTURES = Path(__file__).parents[3] / "fixtures" / "conformance"
NAMESPACE = "tables"
_ROWS_MAX = 40


def create(server: RealServer, places: dict[tuple[str, str], tuple[str, bool]]) -> None:
    """Create what the file lists, write the statuses, delete what shall be going away."""
    server.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    account = {"metadata": {"name": "default"}}
    server.request("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account)
    text = (FIXTURES / "tables-objects.yaml").read_text().replace(": NS", f": {NAMESPACE}")
    for obj in yaml.safe_load(text):
        status, deleted = obj.pop("status", None), obj.pop("deleted", False)
        plural, namespaced = places[obj["apiVersion"], obj["kind"]]
        root = f"/apis/{obj['apiVersion']}" if "/" in obj["apiVersion"] else f"/api/{obj['apiVersion']}"
        collection = f"{root}/namespaces/{NAMESPACE}/{plural}" if namespaced else f"{root}/{plural}"
        place = f"{collection}/{obj['metadata']['name']}"
        if server.request("GET", place).code == 404:
            reply = server.request("POST", collection, _sendable(obj))
            if reply.code != 201:
                raise ValueError(f"{obj['kind']} {obj['metadata']['name']}: {reply.json['message']}")
        if status is not None:
            patch = _sendable({"status": status})
            reply = server.request(
                "PATCH", f"{place}/status", orjson.dumps(patch), Content_Type="application/merge-patch+json"
            )
            if reply.code != 200:
                raise ValueError(f"status of {place}: {reply.json['message']}")
        if deleted:
            server.request("DELETE", place)


def _sendable(obj: Any) -> Any:
    """With the moments that YAML read turned back into text."""
    return orjson.loads(orjson.dumps(obj, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC))


def record(server: RealServer, path: str) -> dict[str, Any]:
    """One table, its objects and its moment."""
    while not 100_000 < datetime.now(UTC).microsecond < 800_000:  # an age must not turn while the request is on its way
        time.sleep(0.02)
    before = datetime.now(UTC)
    table = server.request("GET", f"{path}?includeObject=Object&limit=500", Accept=TABLE).json
    now = before + (datetime.now(UTC) - before) / 2
    rows = [row for row in table["rows"] or () if row["object"]["metadata"].get("namespace") in {NAMESPACE, None}]
    rows = rows or table["rows"] or []
    for row in rows:
        row["object"]["metadata"].pop("managedFields", None)
    return {
        "now": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "columnDefinitions": table["columnDefinitions"],
        "rows": rows[:_ROWS_MAX],
    }


def main(kubeconfig: str) -> None:
    """Create, record, write."""
    server = RealServer(Path(kubeconfig))
    groups = [*server.get("/api", AGGREGATED)["items"], *server.get("/apis", AGGREGATED)["items"]]
    listed = [
        (group["metadata"].get("name", ""), version["version"], entry)
        for group in groups
        for version in group["versions"]
        for entry in version.get("resources", ())
        if "list" in entry["verbs"] and (group["metadata"].get("name"), version["version"]) != ("autoscaling", "v1")
    ]
    places = {
        (f"{group}/{version}" if group else version, entry["responseKind"]["kind"]): (
            entry["resource"],
            entry["scope"] == "Namespaced",
        )
        for group, version, entry in listed
    }
    create(server, places)
    tables = {}
    for group, version, entry in listed:
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        tables[f"{root}/{entry['resource']}"] = record(server, f"{root}/{entry['resource']}")
    source = {
        "recorded": f"from a kube-apiserver {server.get('/version')['gitVersion']}",
        "command": "python -m tests.conformance.record.tables",
    }
    packed = lzma.compress(orjson.dumps({"source": source, "tables": tables}), preset=9 | lzma.PRESET_EXTREME)
    (FIXTURES / "tables.json.xz").write_bytes(packed)


if __name__ == "__main__":
    main(sys.argv[1])
