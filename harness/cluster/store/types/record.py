"""Writes fixtures/facts/kubernetes-types.json from the published API definitions.

    go mod download k8s.io/{api,apimachinery,apiextensions-apiserver,kube-aggregator,metrics}@v0.36.0
    python -m harness.cluster.store.types.record $(go env GOMODCACHE)/k8s.io v0.36.0

Reads `generated.proto` (fields, numbers, types, merge keys, list and map types, defaults) and `types*.go` (JSON names, pointers, inlined fields, what is
written although it is empty) of a version of those modules.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from harness.cluster.store.types.schema import FACTS

_PLAIN = (
    "core apps batch policy rbac scheduling storage coordination autoscaling discovery networking node events admissionregistration "
    "authorization authentication"
)
_PACKAGES: Mapping[str, tuple[str, str]] = {
    **{group: ("api", f"{group}/v1") for group in _PLAIN.split()},
    "autoscaling/v2": ("api", "autoscaling/v2"),
    "apiregistration": ("kube-aggregator", "pkg/apis/apiregistration/v1"),
    "apiextensions": ("apiextensions-apiserver", "pkg/apis/apiextensions/v1"),
    "metrics": ("metrics", "pkg/apis/metrics/v1beta1"),
    "meta": ("apimachinery", "pkg/apis/meta/v1"),
}
_ROOTS = (
    "core.Namespace core.Node core.Pod core.ConfigMap core.Secret core.ServiceAccount core.Service core.Endpoints core.Event core.PersistentVolume "
    "core.PersistentVolumeClaim core.ResourceQuota core.LimitRange core.PodTemplate core.ReplicationController core.Binding batch.Job batch.CronJob "
    "apps.Deployment apps.ReplicaSet apps.StatefulSet apps.DaemonSet apps.ControllerRevision autoscaling.HorizontalPodAutoscaler autoscaling.Scale "
    "autoscaling/v2.HorizontalPodAutoscaler coordination.Lease discovery.EndpointSlice networking.Ingress networking.IngressClass "
    "networking.NetworkPolicy node.RuntimeClass events.Event scheduling.PriorityClass storage.StorageClass storage.CSIDriver storage.CSINode "
    "storage.CSIStorageCapacity storage.VolumeAttachment rbac.Role rbac.RoleBinding rbac.ClusterRole rbac.ClusterRoleBinding "
    "policy.PodDisruptionBudget policy.Eviction admissionregistration.MutatingWebhookConfiguration admissionregistration.ValidatingWebhookConfiguration "
    "apiregistration.APIService apiextensions.CustomResourceDefinition authentication.TokenRequest authentication.TokenReview "
    "authentication.SelfSubjectReview authorization.SubjectAccessReview authorization.SelfSubjectAccessReview authorization.LocalSubjectAccessReview "
    "authorization.SelfSubjectRulesReview metrics.PodMetrics metrics.NodeMetrics meta.DeleteOptions meta.PartialObjectMetadata"
)
_SPECIAL = {
    "k8s.io.apimachinery.pkg.apis.meta.v1.Time": "Time",
    "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": "MicroTime",
    "k8s.io.apimachinery.pkg.api.resource.Quantity": "Quantity",
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": "IntOrString",
    "k8s.io.apimachinery.pkg.apis.meta.v1.Duration": "Duration",
    "k8s.io.apimachinery.pkg.runtime.RawExtension": "Raw",
    "JSON": "Raw",
    "ExtraValue": "Strings",
    "FieldsV1": "Raw",
    "Time": "Time",
    "MicroTime": "MicroTime",
}
_SCALARS = frozenset({"string", "int32", "int64", "bool", "bytes", "double", "uint32", "uint64"})
_FIELD = re.compile(r"^  (optional|repeated|required)? ?(map<string, ?([\w.]+)>|[\w.]+) (\w+) = (\d+);", re.MULTILINE)
_MESSAGE = re.compile(r"((?:^//[^\n]*\n)*)^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_TAG = re.compile(
    r'^\t(?:\w+ +)?(\*?)[\w.\[\]*]+ +`json:"([^",]*)((?:,\w+)*)"[^`\n]*protobuf:"[^"]*name=(\w+)', re.MULTILINE
)
_MERGE_KEY = re.compile(r"\+patchMergeKey=(\w+)")
_MERGED = re.compile(r"\+patchStrategy=.*merge")
_SHAPE = re.compile(r"\+(?:list|map|struct)Type=(\w+)")
_LIST_KEY = re.compile(r"\+listMapKey=(\w+)")
_DEFAULT = re.compile(r'\+default=(".*"|[\d.]+|true|false)$', re.MULTILINE)
_ATOMIC = "+structType=atomic"

Field = list[object]


def main(arguments: list[str]) -> None:
    """Record the types."""
    modules, tag = Path(arguments[0]), arguments[1]
    messages: dict[str, list[Field]] = {}
    atomic: list[str] = []
    for package, (module, path) in _PACKAGES.items():
        folder = modules / f"{module}@{tag}" / path
        proto = (folder / "generated.proto").read_text()
        go = "".join(path.read_text() for path in sorted(folder.glob("types*.go")) if "_test" not in path.name)
        messages.update(parse(package, proto, go))
        atomic += atomic_messages(package, proto)
    kept = dict(sorted((name, messages[name]) for name in _reachable(messages)))
    head = {
        "source": f"k8s.io modules {', '.join(dict.fromkeys(module for module, _ in _PACKAGES.values()))} {tag}: generated.proto and types.go "
        "(Apache-2.0), read by harness.cluster.store.types.record",
        "date": date.today().isoformat(),  # noqa: DTZ011 - the day on which a person records it
        "fields": "number, JSON name (~ inlined), type (* pointer, ! written although empty), and if there are any: merge (key by which a strategic "
        "merge patch merges the list, empty: as a set), type (atomic, set, map, granular: of the list or map in server-side apply), keys, default",
        "atomic": [name for name in sorted(atomic) if name in kept],
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(fields, separators=(',', ':'))}" for name, fields in kept.items()]
    text = json.dumps(head, indent=1)[:-2] + ',\n "messages": {\n' + ",\n".join(lines) + "\n }\n}\n"
    FACTS.write_text(text)


def parse(package: str, proto: str, go: str) -> dict[str, list[Field]]:
    """The messages of one package: name -> fields."""
    structs = {name: {tag[3]: tag for tag in _TAG.findall(body)} for name, body in _STRUCT.findall(go)}
    found: dict[str, list[Field]] = {}
    for _, name, body in _MESSAGE.findall(proto):
        tags, fields = structs.get(name, {}), list[Field]()
        before = 0
        for match in _FIELD.finditer(body):
            comment, before = body[before : match.start()], match.end()
            label, kind, values, field, number = match.groups()
            kind = f"map:{_type(package, values)}" if values else _type(package, kind)
            kind = f"[]{kind}" if label == "repeated" else kind
            pointer, json_name, options, _ = tags.get(field, ("", field, ",omitempty", field))
            entry: Field = [
                int(number),
                json_name or f"~{field}",
                f"{pointer}{_presence(kind, pointer, options)}{kind}",
            ]
            traits = _traits(comment, kind)
            found.setdefault(f"{package}.{name}", fields).append([*entry, traits] if traits else entry)
        found.setdefault(f"{package}.{name}", fields)
    return found


def atomic_messages(package: str, proto: str) -> list[str]:
    """The messages of a package that server-side apply owns whole."""
    return [f"{package}.{name}" for comment, name, _ in _MESSAGE.findall(proto) if _ATOMIC in comment]


def _presence(kind: str, pointer: str, options: str) -> str:
    """`!` for what Go writes although it is empty: no omitempty, or a struct, which is never empty to it."""
    is_struct = (
        not pointer and kind not in _SCALARS and not kind.startswith(("[]", "map:")) and kind not in {"Raw", "Strings"}
    )
    if ",inline" in options or ",omitzero" in options:
        return ""
    return "!" if is_struct or ",omitempty" not in options else ""


def _traits(comment: str, kind: str) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    key, shape, default = _MERGE_KEY.search(comment), _SHAPE.search(comment), _DEFAULT.search(comment)
    if key or (_MERGED.search(comment) and kind.startswith("[]")):
        traits["merge"] = key.group(1) if key else ""
    if shape:
        traits["type"] = shape.group(1)
    if keys := _LIST_KEY.findall(comment):
        traits["keys"] = keys
    if default:
        traits["default"] = json.loads(default.group(1))
    return traits


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
            waiting += [str(field[2]).lstrip("*!").removeprefix("[]").removeprefix("map:") for field in messages[name]]
    yield from seen


if __name__ == "__main__":
    main(sys.argv[1:])
