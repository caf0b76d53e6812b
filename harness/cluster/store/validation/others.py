"""The small kinds: configuration, priority classes, disruption budgets."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from harness.cluster.store.validation.causes import forbidden, immutable, invalid, required
from harness.cluster.store.validation.values import int_or_percent, one_of, selector_faults
from harness.kube.errors import Cause
from harness.kube.resources import (
    CONFIG_MAPS,
    POD_DISRUPTION_BUDGETS,
    PRIORITY_CLASSES,
    SECRETS,
)

Checked = Mapping[str, Any]
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_DATA_BYTES_MAX = 1024 * 1024
_ACCOUNT_ANNOTATION = "kubernetes.io/service-account.name"
_USER_PRIORITY_MAX = 1_000_000_000


def _data(obj: Checked) -> list[Cause]:
    causes: list[Cause] = []
    size_bytes = 0
    for part in ("data", "binaryData"):
        for key, text in (obj.get(part) or {}).items():
            size_bytes += len(text.encode())
            if not _DATA_KEY.fullmatch(key):
                detail = (
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
                    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                )
                causes.append(invalid(f"{part}[{key}]", key, detail))
    if size_bytes > _DATA_BYTES_MAX:
        causes.append(Cause("", "FieldValueTooLong", f"Too long: may not be more than {_DATA_BYTES_MAX} bytes"))
    return causes


def _data_update(new: Checked, old: Checked) -> list[Cause]:
    if not old.get("immutable"):
        return []
    causes = [] if new.get("immutable") else [forbidden("immutable", "field is immutable when `immutable` is set")]
    changed = [part for part in ("data", "binaryData") if new.get(part) != old.get(part)]
    return causes + [forbidden(part, "field is immutable when `immutable` is set") for part in changed]


def _secret_update(new: Checked, old: Checked) -> list[Cause]:
    return immutable("type", new.get("type"), old.get("type")) + _data_update(new, old)


def _priority_class(priority_class: Checked) -> list[Cause]:
    name, value = priority_class["metadata"]["name"], priority_class.get("value", 0)
    if name.startswith("system-"):
        if name in {"system-cluster-critical", "system-node-critical"}:
            return []
        detail = "priority class names with 'system-' prefix are reserved for system use only. error: "
        return [forbidden("metadata.name", f"{detail}{name} is not a known system priority class")]
    policies = ("PreemptLowerPriority", "Never")
    causes = one_of("preemptionPolicy", priority_class.get("preemptionPolicy"), policies)
    if value > _USER_PRIORITY_MAX:
        return [forbidden("value", f"maximum allowed value of a user defined priority is {_USER_PRIORITY_MAX}")]
    return causes


def _priority_class_update(new: Checked, old: Checked) -> list[Cause]:
    if new.get("value", 0) != old.get("value", 0):
        return [forbidden("value", "may not be changed in an update.")]
    return immutable("preemptionPolicy", new.get("preemptionPolicy"), old.get("preemptionPolicy"))


def _budget(budget: Checked) -> list[Cause]:
    spec = budget.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        return [invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")]
    causes: list[Cause] = []
    for key in ("minAvailable", "maxUnavailable"):
        causes += int_or_percent(f"spec.{key}", spec.get(key))
    causes += selector_faults("spec.selector", spec.get("selector"))
    policy = spec.get("unhealthyPodEvictionPolicy")
    return causes + one_of("spec.unhealthyPodEvictionPolicy", policy, ("AlwaysAllow", "IfHealthyBudget"))


_SECRET_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}


def _secret(secret: Checked) -> list[Cause]:
    causes, kind, data = _data(secret), secret.get("type"), secret.get("data") or {}
    if kind == "kubernetes.io/service-account-token":
        annotations = secret["metadata"].get("annotations") or {}
        if not annotations.get(_ACCOUNT_ANNOTATION):
            causes.append(required(f"metadata.annotations[{_ACCOUNT_ANNOTATION}]"))
    if kind == "kubernetes.io/basic-auth" and not ({"username", "password"} & set(data)):
        causes += [required(f"data[{key}]") for key in ("username", "password")]
    missing = [key for key in _SECRET_KEYS.get(str(kind), ()) if key not in data]
    causes += [required(f"data[{key}]") for key in missing]
    if kind in {"kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson"} and not missing:
        causes += _registry_json(_SECRET_KEYS[str(kind)][0], data)
    return causes


def _registry_json(key: str, data: Checked) -> list[Cause]:
    raw = base64.b64decode(data[key])
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        first = raw.lstrip()[:1].decode(errors="replace")
        detail = (
            f"invalid character '{first}' looking for beginning of value" if first else "unexpected end of JSON input"
        )
        return [invalid(f"data[{key}]", "<secret contents redacted>", detail)]
    return []


OTHER_RULES: Mapping[str, Callable[[Checked], list[Cause]]] = {
    CONFIG_MAPS.group_resource: _data,
    SECRETS.group_resource: _secret,
    PRIORITY_CLASSES.group_resource: _priority_class,
    POD_DISRUPTION_BUDGETS.group_resource: _budget,
}
OTHER_UPDATE_RULES: Mapping[str, Callable[[Checked, Checked], list[Cause]]] = {
    CONFIG_MAPS.group_resource: _data_update,
    SECRETS.group_resource: _secret_update,
    PRIORITY_CLASSES.group_resource: _priority_class_update,
}
