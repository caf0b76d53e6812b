"""Writes fixtures/facts/kubernetes-types.json from the published API definitions.

    python -m harness.cluster.store.types.record <checkout of kubernetes/api> <checkout of kubernetes/apimachinery> <tag>

Reads `generated.proto` (fields, numbers, types, merge keys) and `types.go` (which fields are inlined in JSON) at a tag of both repositories.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from harness.cluster.store.types.schema import FACTS

_PACKAGES: Mapping[str, tuple[int, str]] = {
    "core": (0, "core/v1"),
    "apps": (0, "apps/v1"),
    "batch": (0, "batch/v1"),
    "policy": (0, "policy/v1"),
    "rbac": (0, "rbac/v1"),
    "scheduling": (0, "scheduling/v1"),
    "storage": (0, "storage/v1"),
    "coordination": (0, "coordination/v1"),
    "autoscaling": (0, "autoscaling/v1"),
    "authorization": (0, "authorization/v1"),
    "meta": (1, "pkg/apis/meta/v1"),
}
_ROOTS = (
    "core.Namespace core.Node core.Pod core.ConfigMap core.Secret core.ServiceAccount core.Service core.Event core.PersistentVolume "
    "core.PersistentVolumeClaim core.Binding batch.Job apps.Deployment apps.ReplicaSet coordination.Lease scheduling.PriorityClass "
    "storage.StorageClass storage.CSIDriver rbac.Role rbac.RoleBinding rbac.ClusterRole rbac.ClusterRoleBinding "
    "policy.PodDisruptionBudget policy.Eviction autoscaling.Scale authorization.SelfSubjectAccessReview meta.DeleteOptions"
)
_SPECIAL = {
    "k8s.io.apimachinery.pkg.apis.meta.v1.Time": "Time",
    "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": "MicroTime",
    "k8s.io.apimachinery.pkg.api.resource.Quantity": "Quantity",
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": "IntOrString",
    "k8s.io.apimachinery.pkg.runtime.RawExtension": "Raw",
    "FieldsV1": "Raw",
    "Time": "Time",
    "MicroTime": "MicroTime",
}
_SCALARS = frozenset({"string", "int32", "int64", "bool", "bytes", "double", "uint32", "uint64"})
_FIELD = re.compile(r"^  (optional|repeated|required)? ?(map<string, ?([\w.]+)>|[\w.]+) (\w+) = (\d+);", re.MULTILINE)
_MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r'json:",inline" protobuf:"\w+,\d+,\w+,name=(\w+)"')
_POINTER = re.compile(r'\t\w+ +\*[\w.]+ +`json:"(\w+)')
_MERGE_KEY = re.compile(r"\+patchMergeKey=(\w+)")
_MERGED = re.compile(r"\+patchStrategy=.*merge")

Field = list[object]


def main(arguments: list[str]) -> None:
    """Record the types."""
    checkouts, tag = (Path(arguments[0]), Path(arguments[1])), arguments[2]
    messages: dict[str, list[Field]] = {}
    for package, (position, folder) in _PACKAGES.items():
        proto, go = (_show(checkouts[position], tag, f"{folder}/{name}") for name in ("generated.proto", "types.go"))
        messages.update(parse(package, proto, go))
    kept = dict(sorted((name, messages[name]) for name in _reachable(messages)))
    head = {
        "source": f"kubernetes/api and kubernetes/apimachinery {tag}: generated.proto and types.go (Apache-2.0), read by harness.cluster.store.types.record",
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day on which a person records it
        "fields": "number, JSON name (~ inlined), type (* pointer), key by which a strategic merge patch merges the list (empty: as a set)",
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(fields, separators=(',', ':'))}" for name, fields in kept.items()]
    text = json.dumps(head, indent=1)[:-2] + ',\n "messages": {\n' + ",\n".join(lines) + "\n }\n}\n"
    FACTS.write_text(text)


def parse(package: str, proto: str, go: str) -> dict[str, list[Field]]:
    """The messages of one package: name -> fields."""
    inlined = {name: _INLINE.findall(body) for name, body in _STRUCT.findall(go)}
    pointers = {name: _POINTER.findall(body) for name, body in _STRUCT.findall(go)}
    found: dict[str, list[Field]] = {}
    for name, body in _MESSAGE.findall(proto):
        fields: list[Field] = []
        before = 0
        for match in _FIELD.finditer(body):
            comment, before = body[before : match.start()], match.end()
            label, kind, values, field, number = match.groups()
            kind = f"map:{_type(package, values)}" if values else _type(package, kind)
            kind = f"[]{kind}" if label == "repeated" else kind
            kind = f"*{kind}" if field in pointers.get(name, ()) else kind
            entry: Field = [int(number), f"~{field}" if field in inlined.get(name, ()) else field, kind]
            key = _MERGE_KEY.search(comment)
            if key or (_MERGED.search(comment) and kind.startswith("[]")):
                entry.append(key.group(1) if key else "")
            fields.append(entry)
        found[f"{package}.{name}"] = fields
    return found


def _type(package: str, kind: str) -> str:
    if kind in _SCALARS:
        return kind
    kind = kind.removeprefix(".")
    if kind in _SPECIAL:
        return _SPECIAL[kind]
    parts = kind.split(".")
    if len(parts) == 1:
        return f"{package}.{kind}"
    return f"{parts[-3]}.{parts[-1]}"


def _reachable(messages: Mapping[str, list[Field]]) -> Iterator[str]:
    seen: dict[str, None] = {}
    waiting = _ROOTS.split()
    while waiting:
        name = waiting.pop()
        if name not in seen and name in messages:
            seen[name] = None
            waiting += [str(field[2]).lstrip("*").removeprefix("[]").removeprefix("map:") for field in messages[name]]
    yield from seen


def _show(checkout: Path, tag: str, path: str) -> str:
    return subprocess.run(
        ["git", "-C", str(checkout), "show", f"{tag}:{path}"], check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main(sys.argv[1:])
