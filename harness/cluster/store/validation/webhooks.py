"""Configurations of admission webhooks (`pkg/apis/admissionregistration/validation`). Their CEL match conditions are not compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.cluster.store.validation.causes import duplicate, invalid, required, unsupported
from harness.cluster.store.validation.values import one_of, selector_faults
from harness.kube.errors import Cause
from harness.kube.names import subdomain_faults
from harness.kube.resources import MUTATING_WEBHOOK_CONFIGURATIONS, VALIDATING_WEBHOOK_CONFIGURATIONS

Checked = Mapping[str, Any]
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_REVIEWS = ("v1", "v1beta1")
_SCHEME = "'https' is the only allowed URL scheme; desired format: https://host[/path]"


def _configuration(configuration: Checked) -> list[Cause]:
    causes: list[Cause] = []
    names: dict[str, None] = {}
    for position, webhook in enumerate(configuration.get("webhooks") or ()):
        here, name = f"webhooks[{position}]", str(webhook.get("name") or "")
        causes += _webhook(here, webhook)
        if name in names:
            causes.append(duplicate(f"{here}.name", name))
        names[name] = None
    return causes


def _webhook(field: str, webhook: Checked) -> list[Cause]:
    causes = _reviews(f"{field}.admissionReviewVersions", webhook.get("admissionReviewVersions") or ())
    causes += _name(f"{field}.name", str(webhook.get("name") or ""))
    for position, rule in enumerate(webhook.get("rules") or ()):
        causes += _rule(f"{field}.rules[{position}]", rule)
    causes += one_of(f"{field}.failurePolicy", webhook.get("failurePolicy"), ("Fail", "Ignore"))
    causes += one_of(f"{field}.matchPolicy", webhook.get("matchPolicy"), ("Equivalent", "Exact"))
    if not webhook.get("sideEffects"):
        causes.append(required(f"{field}.sideEffects", "must specify one of None, NoneOnDryRun"))
    causes += one_of(f"{field}.sideEffects", webhook.get("sideEffects") or None, ("None", "NoneOnDryRun"))
    seconds = webhook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        causes.append(invalid(f"{field}.timeoutSeconds", seconds, "the timeout value must be between 1 and 30 seconds"))
    for key in ("namespaceSelector", "objectSelector"):
        causes += selector_faults(f"{field}.{key}", webhook.get(key))
    causes += one_of(f"{field}.reinvocationPolicy", webhook.get("reinvocationPolicy"), ("IfNeeded", "Never"))
    return causes + _client(f"{field}.clientConfig", webhook.get("clientConfig") or {})


def _reviews(field: str, versions: Sequence[str]) -> list[Cause]:
    known = ", ".join(_REVIEWS)
    if not versions:
        return [required(field, f"must specify one of {known}")]
    if not any(version in _REVIEWS for version in versions):
        return [invalid(field, versions, f"must include at least one of {known}")]
    return []


def _name(field: str, name: str) -> list[Cause]:
    if not name:
        return [required(field)]
    faults = subdomain_faults(name)
    if not faults and name.count(".") < 2:
        faults = ["should be a domain with at least three segments separated by dots"]
    return [invalid(field, name, fault) for fault in faults]


def _rule(field: str, rule: Checked) -> list[Cause]:
    operations, causes = rule.get("operations") or (), list[Cause]()
    if not operations:
        causes.append(required(f"{field}.operations"))
    if "*" in operations and len(operations) > 1:
        causes.append(
            invalid(f"{field}.operations", operations, "if '*' is present, must not specify other operations")
        )
    for position, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            causes.append(unsupported(f"{field}.operations[{position}]", operation, _OPERATIONS))
    for key, noun in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = rule.get(key) or ()
        if not values:
            causes.append(required(f"{field}.{key}"))
        elif "*" in values and len(values) > 1:
            causes.append(invalid(f"{field}.{key}", values, f"if '*' is present, must not specify other {noun}"))
    if not rule.get("resources"):
        causes.append(required(f"{field}.resources"))
    return causes + one_of(f"{field}.scope", rule.get("scope"), ("*", "Cluster", "Namespaced"))


def _client(field: str, client: Checked) -> list[Cause]:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        return [required(field, "exactly one of url or service is required")]
    if service is not None:
        return [required(f"{field}.service.{key}") for key in ("name", "namespace") if not service.get(key)]
    scheme = urlsplit(str(url)).scheme
    return [] if scheme == "https" else [invalid(f"{field}.url", scheme, _SCHEME)]


WEBHOOK_RULES: Mapping[str, Callable[[Checked], list[Cause]]] = {
    VALIDATING_WEBHOOK_CONFIGURATIONS.group_resource: _configuration,
    MUTATING_WEBHOOK_CONFIGURATIONS.group_resource: _configuration,
}
