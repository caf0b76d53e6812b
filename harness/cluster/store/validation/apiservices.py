"""What an APIService may say (kube-aggregator `pkg/apis/apiregistration/validation/validation.go`, 1.34)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.validation.causes import invalid, required
from harness.kube.errors import Cause
from harness.kube.resources import API_SERVICES

_GROUP_PRIORITY_END, _VERSION_PRIORITY_END = 20_000, 1_000


def _api_service(obj: Mapping[str, Any]) -> list[Cause]:
    spec, name = obj["spec"], obj["metadata"]["name"]
    wanted = f"{spec.get('version') or ''}.{spec.get('group') or ''}"
    causes: list[Cause] = []
    if name != wanted:
        causes.append(invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{wanted}"'))
    for field, end in (("groupPriorityMinimum", _GROUP_PRIORITY_END), ("versionPriority", _VERSION_PRIORITY_END)):
        value = spec.get(field) or 0
        if not 0 < value <= end:
            causes.append(invalid(f"spec.{field}", value, f"must be positive and less than {end}"))
    return causes + _service(spec)


def _service(spec: Mapping[str, Any]) -> list[Cause]:
    service, insecure = spec.get("service"), bool(spec.get("insecureSkipTLSVerify"))
    if service is None:
        is_insecure = [
            invalid("spec.insecureSkipTLSVerify", insecure, "local APIServices may not have insecureSkipTLSVerify")
        ]
        return is_insecure if insecure else []
    causes = [required(f"spec.service.{field}") for field in ("namespace", "name") if not service.get(field)]
    if insecure and spec.get("caBundle"):
        causes.append(invalid("spec.insecureSkipTLSVerify", insecure, "may not be true if caBundle is present"))
    return causes


API_SERVICE_RULES = {API_SERVICES.group_resource: _api_service}
