"""Probes, hooks, ports and environment of containers, and the sources of volumes (`pkg/apis/core/validation/validation.go`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.cluster.store.validation.causes import duplicate, forbidden, invalid, required, unsupported
from harness.cluster.store.validation.values import (
    PROTOCOLS,
    at_least,
    one_of,
    port_name_faults,
    port_number,
    port_or_name,
)
from harness.kube.errors import Cause

Checked = Mapping[str, Any]
CHECKED_SOURCES = frozenset({"hostPath", "secret", "configMap", "nfs"})
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_HOST_PATH_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_FIELDS = re.compile(
    r"metadata\.(name|namespace|uid)|spec\.(nodeName|serviceAccountName)|status\.(hostIP|hostIPs|podIP|podIPs)|"
    r"metadata\.(annotations|labels)\['.+'\]"
)
_ENV_NAME = re.compile(r"[ -<>-~]+")


def check_details(field: str, container: Checked) -> list[Cause]:
    """What a container may leave out; costs nothing where it does."""
    causes: list[Cause] = []
    if "ports" in container:
        causes += _ports(f"{field}.ports", container["ports"])
    for position, entry in enumerate(container.get("env") or ()):
        causes += _env(f"{field}.env[{position}]", entry)
    for entry in container.get("envFrom") or ():
        if not entry.get("configMapRef") and not entry.get("secretRef"):
            text = "must specify one of: `configMapRef` or `secretRef`"
            causes.append(invalid(f"{field}.envFrom", "", text))
    for name in _PROBES:
        if name in container:
            causes += _probe(f"{field}.{name}", name, container[name])
    for name, hook in (container.get("lifecycle") or {}).items():
        if isinstance(hook, Mapping):
            causes += _handler(f"{field}.lifecycle.{name}", hook)
    policy = container.get("terminationMessagePolicy")
    causes += one_of(f"{field}.terminationMessagePolicy", policy, ("File", "FallbackToLogsOnError"))
    security = container.get("securityContext")
    if security:
        causes += _security(f"{field}.securityContext", security)
    return causes


def check_plain_init(field: str, container: Checked) -> list[Cause]:
    """An init container that is no sidecar has neither probes nor hooks."""
    detail = "may not be set for init containers without restartPolicy=Always"
    return [forbidden(f"{field}.{name}", detail) for name in ("lifecycle", *_PROBES) if container.get(name)]


def check_source(field: str, kind: str, source: Checked) -> list[Cause]:
    """The volume sources that a pod names by path or name."""
    path = str(source.get("path", ""))
    if kind == "hostPath":
        causes = [] if path else [required(f"{field}.path")]
        if ".." in path.split("/"):
            causes.append(invalid(f"{field}.path", path, "must not contain '..'"))
        return causes + one_of(f"{field}.type", source.get("type"), _HOST_PATH_TYPES)
    if kind == "secret":
        return [] if source.get("secretName") else [required(f"{field}.secretName")]
    if kind == "configMap":
        return [] if source.get("name") else [required(f"{field}.name")]
    causes = [required(f"{field}.{key}") for key in ("server", "path") if not source.get(key)]
    if not path.startswith("/"):
        causes.append(invalid(f"{field}.path", path, "must be an absolute path"))
    return causes


def _ports(field: str, ports: Any) -> list[Cause]:
    causes: list[Cause] = []
    names: list[str] = []
    for position, port in enumerate(ports):
        here, name = f"{field}[{position}]", port.get("name")
        if name:
            faults = port_name_faults(name)
            causes += [invalid(f"{here}.name", name, fault) for fault in faults]
            if not faults and name in names:
                causes.append(duplicate(f"{here}.name", name))
            names.append(name)
        number = port.get("containerPort")
        causes += port_number(f"{here}.containerPort", number) if number else [required(f"{here}.containerPort")]
        if port.get("hostPort"):
            causes += port_number(f"{here}.hostPort", port["hostPort"])
        if port.get("protocol") not in PROTOCOLS:
            causes.append(unsupported(f"{here}.protocol", port.get("protocol"), PROTOCOLS))
    return causes


def _env(field: str, entry: Checked) -> list[Cause]:
    name, causes = entry.get("name"), list[Cause]()
    if not name:
        causes.append(required(f"{field}.name"))
    elif not _ENV_NAME.fullmatch(name):
        detail = "a valid environment variable name must consist only of printable ASCII characters other than '='"
        causes.append(invalid(f"{field}.name", name, detail))
    source = entry.get("valueFrom")
    if source is None:
        return causes
    here = f"{field}.valueFrom"
    if not source:
        text = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        return [*causes, invalid(here, "", text)]
    if entry.get("value"):
        causes.append(invalid(here, "", "may not be specified when `value` is not empty"))
    path = (source.get("fieldRef") or {}).get("fieldPath")
    if "fieldRef" in source and not path:
        causes.append(required(f"{here}.fieldRef.fieldPath"))
    elif path and not _FIELDS.fullmatch(path):
        detail = f"error converting fieldPath: field label not supported: {path}"
        causes.append(invalid(f"{here}.fieldRef.fieldPath", path, detail))
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source:
            causes += [required(f"{here}.{kind}.{key}") for key in ("name", "key") if not source[kind].get(key)]
    return causes


def _probe(field: str, name: str, probe: Checked) -> list[Cause]:
    causes = _handler(field, probe)
    for key in _NUMBERS:
        causes += at_least(f"{field}.{key}", probe.get(key), 0)
    successes = probe.get("successThreshold", 1)
    if name != "readinessProbe" and successes > 1:
        causes.append(invalid(f"{field}.successThreshold", successes, "must be 1"))
    return causes


def _handler(field: str, handler: Checked) -> list[Cause]:
    present = [name for name in _HANDLERS if name in handler]
    if not present:
        return [required(field, "must specify a handler type")]
    causes = [forbidden(f"{field}.{name}", "may not specify more than 1 handler type") for name in present[1:]]
    kind, action = present[0], handler[present[0]]
    if kind == "exec" and not action.get("command"):
        causes.append(required(f"{field}.exec.command"))
    elif kind == "httpGet":
        causes += [] if action.get("path") else [required(f"{field}.httpGet.path")]
        causes += port_or_name(f"{field}.httpGet.port", action.get("port"))
        causes += one_of(f"{field}.httpGet.scheme", action.get("scheme"), ("HTTP", "HTTPS"))
    elif kind == "tcpSocket":
        causes += port_or_name(f"{field}.tcpSocket.port", action.get("port"))
    elif kind == "grpc":
        causes += port_number(f"{field}.grpc.port", action.get("port"))
    return causes


def _security(field: str, security: Checked) -> list[Cause]:
    causes = [
        invalid(f"{field}.{key}", security[key], "must be between 0 and 2147483647, inclusive")
        for key in ("runAsUser", "runAsGroup")
        if security.get(key) is not None and not 0 <= security[key] <= 2**31 - 1
    ]
    if security.get("allowPrivilegeEscalation") is False and security.get("privileged"):
        detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        causes.append(invalid(field, security, detail))
    return causes
