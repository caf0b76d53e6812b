"""The environment and the arguments of a container, as the kubelet makes them from a pod's spec.

Follows kubernetes 1.34 `pkg/kubelet/kubelet_pods.go` (makeEnvironmentVariables) and
`third_party/forked/golang/expansion`: envFrom first, then env, each value expanding `$(NAME)` of what came before it.
Service links are not given: nothing here resolves cluster addresses.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from harness.kube import quantity
from harness.kube.client import Reader
from harness.kube.objects import Object, name_of, namespace_of
from harness.kube.resources import CONFIG_MAPS, SECRETS

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")
_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")
_KIND = {"configmap": CONFIG_MAPS, "secret": SECRETS}


class ConfigError(Exception):
    """CreateContainerConfigError: something that the spec refers to is missing."""


def expand(text: str, known: Mapping[str, str]) -> str:
    """`text` with `$(NAME)` replaced by what is known; unknown references stay, `$$` is one `$`."""

    def replace(match: re.Match[str]) -> str:
        if match.group(0) == "$$":
            return "$"
        return known.get(match.group(1), match.group(0))

    return _REFERENCE.sub(replace, text)


def environment_of(reader: Reader, pod: Object, container: Object, addresses: Mapping[str, str]) -> dict[str, str]:
    """The environment of `container`; `addresses` has status.podIP and status.hostIP, which are not stored yet.

    Raises ConfigError with the kubelet's text when a config map, a secret or a key is missing.
    """
    result: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix") or ""
        for kind, field in (("configmap", "configMapRef"), ("secret", "secretRef")):
            if field in source:
                data = data_of(reader, pod, kind, source[field]["name"], optional=bool(source[field].get("optional")))
                result.update({prefix + key: text for key, text in (data or {}).items()})
    for entry in container.get("env") or ():
        if "valueFrom" not in entry:
            result[entry["name"]] = expand(str(entry.get("value") or ""), result)
            continue
        value = _value_from(reader, pod, container, entry["valueFrom"], addresses)
        if value is not None:
            result[entry["name"]] = value
    return result


def data_of(reader: Reader, pod: Object, kind: str, name: str, *, optional: bool) -> dict[str, str] | None:
    """The text data of a config map or (decoded) secret; None when it is missing and optional."""
    found = reader.get(_KIND[kind], namespace_of(pod), name)
    if found is None:
        if optional:
            return None
        raise ConfigError(f'{kind} "{name}" not found')
    if kind == "configmap":
        return {str(key): str(value) for key, value in (found.get("data") or {}).items()}
    encoded = {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}
    return {**encoded, **(found.get("stringData") or {})}


def _value_from(
    reader: Reader, pod: Object, container: Object, source: Mapping[str, Any], addresses: Mapping[str, str]
) -> str | None:
    if "fieldRef" in source:
        return field_of(pod, source["fieldRef"]["fieldPath"], addresses)
    if "resourceFieldRef" in source:
        return resource_of(pod, container, source["resourceFieldRef"])
    kind, ref = ("configmap", source.get("configMapKeyRef")) if "configMapKeyRef" in source else ("secret", None)
    if ref is None:
        ref = source["secretKeyRef"]
    optional = bool(ref.get("optional"))
    data = data_of(reader, pod, kind, ref["name"], optional=optional)
    if data is not None and ref["key"] in data:
        return data[ref["key"]]
    if optional:
        return None
    title = "ConfigMap" if kind == "configmap" else "Secret"
    raise ConfigError(f"couldn't find key {ref['key']} in {title} {namespace_of(pod)}/{ref['name']}")


def field_of(pod: Object, path: str, addresses: Mapping[str, str]) -> str:
    """A field of the downward API.

    Raises ConfigError for a path that it does not have.
    """
    subscript = _SUBSCRIPT.match(path)
    if subscript is not None:
        return str((pod["metadata"].get(subscript.group(1)) or {}).get(subscript.group(2), ""))
    fields: dict[str, Callable[[], str]] = {
        "metadata.name": lambda: name_of(pod),
        "metadata.namespace": lambda: namespace_of(pod) or "",
        "metadata.uid": lambda: str(pod["metadata"]["uid"]),
        "metadata.labels": lambda: _lines(pod["metadata"].get("labels") or {}),
        "metadata.annotations": lambda: _lines(pod["metadata"].get("annotations") or {}),
        "spec.nodeName": lambda: str(pod["spec"].get("nodeName", "")),
        "spec.serviceAccountName": lambda: str(pod["spec"].get("serviceAccountName", "default")),
        "status.podIP": lambda: addresses["status.podIP"],
        "status.podIPs": lambda: addresses["status.podIP"],
        "status.hostIP": lambda: addresses["status.hostIP"],
        "status.hostIPs": lambda: addresses["status.hostIP"],
    }
    if path not in fields:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return fields[path]()


def _lines(values: Mapping[str, str]) -> str:
    escaped = {
        key: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for key, value in values.items()
    }
    return "\n".join(f'{key}="{escaped[key]}"' for key in sorted(escaped))


def resource_of(pod: Object, container: Object, ref: Mapping[str, Any]) -> str:
    """A container's own request or limit, in units of the divisor, rounded up."""
    name = ref.get("containerName")
    if name:
        everyone = (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])
        found = next((entry for entry in everyone if entry["name"] == name), None)
        if found is None:
            raise ConfigError(f"container {name} not found")
        container = found
    group, _, resource = str(ref["resource"]).partition(".")
    resources = container.get("resources") or {}
    amount = (resources.get(group) or {}).get(resource)
    if amount is None and group == "requests":
        amount = (resources.get("limits") or {}).get(resource)
    divisor = quantity.parse(ref.get("divisor") or "1")
    if divisor == 0:
        divisor = quantity.parse("1")
    return str(math.ceil(quantity.parse(amount or "0") / divisor))
