"""Whether a JSON object has the shape of a Kubernetes object at all: what Go's decoder would refuse before defaults and validation see it.

The API server decodes into Go types; here a table of field names says which JSON type a field has wherever it stands. Fields that are not in the table pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.kube.errors import BadRequest
from harness.kube.quantity import parse
from harness.kube.resources import Resource

_FIELDS: Mapping[str, str] = {
    field: kind
    for kind, fields in {
        "object": """
            metadata spec template resources selector securityContext strategy rollingUpdate affinity lifecycle valueFrom fieldRef
            resourceFieldRef configMapKeyRef secretKeyRef emptyDir configMap secret projected downwardAPI hostPath persistentVolumeClaim csi
            httpGet exec livenessProbe readinessProbe startupProbe podFailurePolicy successPolicy onExitCodes claimRef nodeAffinity podAffinity
            podAntiAffinity involvedObject names subresources roleRef""",
        "list": """
            containers initContainers env envFrom ports volumes volumeMounts tolerations imagePullSecrets ownerReferences
            topologySpreadConstraints matchExpressions taints subjects onPodConditions""",
        "string": """
            apiVersion kind name namespace generateName uid resourceVersion imagePullPolicy restartPolicy serviceAccountName nodeName
            priorityClassName schedulerName mountPath subPath workingDir key operator effect storageClassName volumeName completionMode""",
        "[]string": "command args finalizers accessModes mountOptions",
        "map[string]string": "labels annotations matchLabels nodeSelector stringData",
        "int32": """
            replicas parallelism completions backoffLimit backoffLimitPerIndex maxFailedIndexes activeDeadlineSeconds ttlSecondsAfterFinished
            terminationGracePeriodSeconds tolerationSeconds containerPort priority revisionHistoryLimit progressDeadlineSeconds""",
        "map[string]quantity": "limits requests capacity allocatable",
        "bool": "suspend hostNetwork readOnly unschedulable manualSelector immutable",
    }.items()
    for field in fields.split()
}
_FIELDS_OF: Mapping[tuple[str, str], str] = {
    ("", "status"): "object, not entered",
    ("", "data"): "map[string]string",
    ("", "binaryData"): "map[string]string",
    ("env", "value"): "string",
    ("containers", "image"): "string",
    ("initContainers", "image"): "string",
}
_STRUCTS: Mapping[str, str] = {
    "env": "EnvVar",
    "containers": "Container",
    "initContainers": "Container",
    "ports": "ContainerPort",
    "volumeMounts": "VolumeMount",
    "volumes": "Volume",
    "tolerations": "Toleration",
    "metadata": "ObjectMeta",
    "resources": "ResourceRequirements",
}
_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_SCALARS: Mapping[str, type] = {"string": str, "int32": int, "bool": bool}


def check_shape(resource: Resource, obj: Mapping[str, Any]) -> None:
    """Raises BadRequest with the decoder's text when a field of a built-in kind has the wrong JSON type."""
    _walk(resource, obj, ())


def without_nulls(value: Any) -> Any:
    """A copy that can be changed, without the fields that are null: for Go's decoder they are unset."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(item) for item in value]
    return value


def _walk(resource: Resource, value: Mapping[str, Any], path: tuple[str, ...]) -> None:
    parent = path[-1] if path else ""
    for key, item in value.items():
        kind = _FIELDS_OF.get((parent, key)) or _FIELDS.get(key)
        if kind is not None and item is not None:
            _check(resource, kind, item, (*path, key))


def _check(resource: Resource, kind: str, item: Any, path: tuple[str, ...]) -> None:
    if kind in _SCALARS:
        _expect(resource, item, path, _SCALARS[kind], kind)
    elif kind == "map[string]string":
        _string_map(resource, item, path)
    elif kind == "map[string]quantity":
        _quantity_map(resource, item, path)
    elif kind == "[]string":
        _string_list(resource, item, path)
    elif kind == "list":
        _expect(resource, item, path, list, kind)
        for entry in item:
            _expect(resource, entry, path, Mapping, "object")
            _walk(resource, entry, path)
    else:
        _expect(resource, item, path, Mapping, "object")
        if kind == "object":
            _walk(resource, item, path)


def _string_map(resource: Resource, item: Any, path: tuple[str, ...]) -> None:
    _expect(resource, item, path, Mapping, "map[string]string")
    for text in item.values():
        if text is not None:
            _expect(resource, text, path, str, "string")


def _quantity_map(resource: Resource, item: Any, path: tuple[str, ...]) -> None:
    _expect(resource, item, path, Mapping, "map[string]Quantity")
    for amount in item.values():
        try:
            parse(amount)
        except ValueError as error:
            raise BadRequest(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {_QUANTITY}'
            ) from error


def _string_list(resource: Resource, item: Any, path: tuple[str, ...]) -> None:
    _expect(resource, item, path, list, "[]string")
    for text in item:
        _expect(resource, text, path, str, "string")


def _expect(resource: Resource, item: Any, path: Sequence[str], kind: Any, name: str) -> None:
    if isinstance(item, kind) and (kind is not int or not isinstance(item, bool)):
        return
    raise BadRequest(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: json: cannot unmarshal '
        f"{_json_type(item)} into Go struct field {_struct(resource, path)}.{'.'.join(path)} of type {name}"
    )


def _struct(resource: Resource, path: Sequence[str]) -> str:
    """The Go struct that has the field."""
    parent = path[-2] if len(path) > 1 else ""
    if parent == "spec":
        return "PodSpec" if "template" in path else f"{resource.kind}Spec"
    return _STRUCTS.get(parent, resource.kind)


def _json_type(item: Any) -> str:
    if isinstance(item, bool):
        return "bool"
    if isinstance(item, int | float):
        return "number"
    if isinstance(item, str):
        return "string"
    return "array" if isinstance(item, list | tuple) else "object"
