"""Pods and pod templates (`pkg/apis/core/validation/validation.go`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from harness.cluster.store.validation.causes import (
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from harness.cluster.store.validation.containers import CHECKED_SOURCES, check_details, check_plain_init, check_source
from harness.cluster.store.validation.names import check_labels
from harness.cluster.store.validation.placement import check_placement
from harness.kube.amounts import canonical
from harness.kube.errors import Cause
from harness.kube.names import label_faults, qualified_name_faults, subdomain_faults
from harness.kube.quantity import parse

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS = ("Equal", "Exists")
_TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
_POD_CHANGES = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


_KNOWN_MAX = 1024
_NO_JSON = b"\xff"
_valid: dict[bytes, None] = {}


def check_pod(pod: Mapping[str, Any]) -> list[Cause]:
    """A new pod. A spec that is valid is remembered, since a workload's pods are written alike."""
    mark = _mark(pod["spec"])
    if mark in _valid:
        return []
    causes = check_pod_spec("spec", pod["spec"])
    if not causes:
        if len(_valid) >= _KNOWN_MAX:
            _valid.clear()
        _valid[mark] = None
    return causes


def _mark(spec: Mapping[str, Any]) -> bytes:
    """The spec as JSON, with the drawn name of its token volume as a byte that no JSON has."""
    mark = orjson.dumps(spec)
    for volume in spec.get("volumes") or ():
        name = str(volume.get("name", ""))
        if _TOKEN_VOLUME.fullmatch(name):
            return mark.replace(name.encode(), _NO_JSON)
    return mark


def check_pod_spec(field: str, spec: Mapping[str, Any]) -> list[Cause]:
    """The spec of a pod or of a template, which stands at `field`."""
    volumes = [str(volume.get("name", "")) for volume in spec.get("volumes") or ()]
    causes = _check_volumes(f"{field}.volumes", spec.get("volumes") or ())
    containers = spec.get("containers") or ()
    if not containers:
        causes.append(required(f"{field}.containers"))
    seen: dict[str, None] = {}
    for part in ("containers", "initContainers"):
        for position, container in enumerate(spec.get(part) or ()):
            here = f"{field}.{part}[{position}]"
            causes += _check_container(here, container, volumes)
            if part == "initContainers" and container.get("restartPolicy") != "Always":
                causes += check_plain_init(here, container)
            name = str(container.get("name", ""))
            if name in seen:
                causes.append(duplicate(f"{here}.name", name))
            seen[name] = None
    if spec.get("restartPolicy") not in _RESTART_POLICIES:
        causes.append(unsupported(f"{field}.restartPolicy", spec.get("restartPolicy"), _RESTART_POLICIES))
    if spec.get("dnsPolicy") not in _DNS_POLICIES:
        causes.append(unsupported(f"{field}.dnsPolicy", spec.get("dnsPolicy"), _DNS_POLICIES))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        causes.append(
            invalid(f"{field}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")
        )
    causes += check_labels(f"{field}.nodeSelector", spec.get("nodeSelector") or {})
    for key, check in (
        ("serviceAccountName", subdomain_faults),
        ("nodeName", subdomain_faults),
        ("hostname", label_faults),
    ):
        if spec.get(key):
            causes += [invalid(f"{field}.{key}", spec[key], fault) for fault in check(str(spec[key]))]
    for position, toleration in enumerate(spec.get("tolerations") or ()):
        causes += check_toleration(f"{field}.tolerations[{position}]", toleration)
    return causes + check_placement(field, spec)


def check_pod_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """What of a pod may change: images, a shorter deadline, more tolerations, scheduling gates that go."""
    before, after = old["spec"], new["spec"]
    causes: list[Cause] = []
    if len(before.get("containers") or ()) != len(after.get("containers") or ()):
        return [forbidden("spec.containers", "pod updates may not add or remove containers")]
    was, deadline = before.get("activeDeadlineSeconds"), after.get("activeDeadlineSeconds")
    if was is not None and deadline is None:
        causes.append(
            invalid("spec.activeDeadlineSeconds", None, "must not update from a positive integer to nil value")
        )
    elif was is not None and deadline > was:
        causes.append(invalid("spec.activeDeadlineSeconds", deadline, "must be less than or equal to previous value"))
    kept = list(after.get("tolerations") or ())
    if any(not _is_tolerated_still(toleration, kept) for toleration in before.get("tolerations") or ()):
        causes.append(
            forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
        )
    if _fixed_part(before) != _fixed_part(after):
        causes.append(forbidden("spec", _POD_CHANGES))
    return causes


def check_resources(field: str, resources: Mapping[str, Any]) -> list[Cause]:
    """Quantities that can be read, are not negative, and requests within limits."""
    causes: list[Cause] = []
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, amount in limits.items():
        causes += _check_resource_name(f"{field}.limits", name) + check_amount(f"{field}.limits[{name}]", amount)
    for name, amount in requests.items():
        causes += _check_resource_name(f"{field}.requests", name) + check_amount(f"{field}.requests[{name}]", amount)
        if name not in limits:
            if _is_extended(name):
                causes.append(required(f"{field}.limits", "Limit must be set for non overcommitable resources"))
        elif _is_extended(name) and parse(amount) != parse(limits[name]):
            causes.append(invalid(f"{field}.requests", str(amount), f"must be equal to {name} limit of {limits[name]}"))
        elif parse(amount) > parse(limits[name]):
            detail = f"must be less than or equal to {name} limit of {canonical(limits[name])}"
            causes.append(invalid(f"{field}.requests", str(canonical(amount)), detail))
    return causes


def check_amount(field: str, amount: Any, *, positive: bool = False) -> list[Cause]:
    """A quantity that is at least 0, or more than 0."""
    if positive:
        return [] if parse(amount) > 0 else [invalid(field, str(amount), "must be greater than zero")]
    return [] if parse(amount) >= 0 else [invalid(field, str(amount), "must be greater than or equal to 0")]


def _check_resource_name(field: str, name: str) -> list[Cause]:
    faults = qualified_name_faults(name)
    causes = [invalid(f"{field}[{name}]", name, fault) for fault in faults]
    standard = ("cpu", "memory", "ephemeral-storage")
    if not faults and "/" not in name and name not in standard and not name.startswith("hugepages-"):
        causes.append(invalid(f"{field}[{name}]", name, "must be a standard resource type or fully qualified"))
        causes.append(invalid(f"{field}[{name}]", name, "must be a standard resource for containers"))
    return causes


def _is_extended(name: str) -> bool:
    return "/" in name and not name.partition("/")[0].endswith("kubernetes.io")


def _check_container(field: str, container: Mapping[str, Any], volumes: Sequence[str]) -> list[Cause]:
    name = container.get("name")
    causes = [required(f"{field}.name")] if not name else []
    causes += [invalid(f"{field}.name", name, fault) for fault in label_faults(name)] if name else []
    image = container.get("image")
    if not image:
        causes.append(required(f"{field}.image"))
    elif image != image.strip():
        causes.append(invalid(f"{field}.image", image, "must not have leading or trailing whitespace"))
    if container.get("imagePullPolicy") not in _PULL_POLICIES:
        causes.append(unsupported(f"{field}.imagePullPolicy", container.get("imagePullPolicy"), _PULL_POLICIES))
    causes += check_details(field, container)
    paths: dict[str, None] = {}
    for position, mount in enumerate(container.get("volumeMounts") or ()):
        here = f"{field}.volumeMounts[{position}]"
        causes += _check_mount(here, mount, volumes)
        path = str(mount.get("mountPath", ""))
        if path in paths:
            causes.append(invalid(f"{here}.mountPath", path, "must be unique"))
        paths[path] = None
    return causes + check_resources(f"{field}.resources", container.get("resources") or {})


def _check_mount(field: str, mount: Mapping[str, Any], volumes: Sequence[str]) -> list[Cause]:
    name, causes = mount.get("name"), []
    if not name:
        causes.append(required(f"{field}.name"))
    elif name not in volumes:
        causes.append(Cause(f"{field}.name", "FieldValueNotFound", f'Not found: "{name}"'))
    if not mount.get("mountPath"):
        causes.append(required(f"{field}.mountPath"))
    if ".." in str(mount.get("subPath", "")).split("/"):  # upstream leaves the position out, and so do we
        where = f"{field.rpartition('[')[0]}.subPath"
        causes.append(invalid(where, mount["subPath"], "must not contain '..'"))
    return causes


def _check_volumes(field: str, volumes: Sequence[Mapping[str, Any]]) -> list[Cause]:
    causes: list[Cause] = []
    seen: dict[str, None] = {}
    for position, volume in enumerate(volumes):
        here, name = f"{field}[{position}]", str(volume.get("name", ""))
        if not name:
            causes.append(required(f"{here}.name"))
            continue
        causes += [invalid(f"{here}.name", name, fault) for fault in label_faults(name)]
        if name in seen:
            causes.append(duplicate(f"{here}.name", name))
        seen[name] = None
        if len(volume) > 2:
            causes.append(forbidden(f"{here}.{list(volume)[-1]}", "may not specify more than 1 volume type"))
        for source, value in volume.items():
            if source in CHECKED_SOURCES:
                causes += check_source(f"{here}.{source}", source, value)
        if "persistentVolumeClaim" in volume and not volume["persistentVolumeClaim"].get("claimName"):
            causes.append(required(f"{here}.persistentVolumeClaim.claimName"))
    return causes


def check_toleration(field: str, toleration: Mapping[str, Any]) -> list[Cause]:
    """Key, operator and effect that go together."""
    causes: list[Cause] = []
    key, operator = toleration.get("key"), toleration.get("operator") or "Equal"
    effect = toleration.get("effect")
    if key:
        causes += [invalid(f"{field}.key", key, fault) for fault in qualified_name_faults(key)]
    elif operator != "Exists":
        causes.append(
            invalid(
                f"{field}.operator",
                operator,
                'operator must be Exists when `key` is empty, which means "match all values and all keys"',
            )
        )
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        causes.append(
            invalid(f"{field}.effect", effect or "", "effect must be 'NoExecute' when `tolerationSeconds` is set")
        )
    if operator not in _OPERATORS:
        causes.append(unsupported(f"{field}.operator", operator, _OPERATORS))
    elif operator == "Exists" and toleration.get("value"):
        causes.append(invalid(f"{field}.operator", toleration, "value must be empty when `operator` is 'Exists'"))
    if effect and effect not in _EFFECTS:
        causes.append(unsupported(f"{field}.effect", effect, _EFFECTS))
    return causes


def _is_tolerated_still(toleration: Mapping[str, Any], kept: Sequence[Mapping[str, Any]]) -> bool:
    def fixed(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in entry.items() if key != "tolerationSeconds"}

    return any(fixed(entry) == fixed(toleration) for entry in kept)


def _fixed_part(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec without what may change."""
    fixed = {
        key: value
        for key, value in spec.items()
        if key not in {"activeDeadlineSeconds", "tolerations", "schedulingGates"}
    }
    for part in ("containers", "initContainers"):
        fixed[part] = [
            {key: value for key, value in container.items() if key != "image"} for container in spec.get(part) or ()
        ]
    return fixed
