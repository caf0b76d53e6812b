"""What of a pod's spec is about where and as whom it runs (`pkg/apis/core/validation/validation.go`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.validation.causes import duplicate, invalid, required, unsupported
from harness.cluster.store.validation.values import address, one_of, selector_faults
from harness.kube.errors import Cause
from harness.kube.names import qualified_name_faults

Checked = Mapping[str, Any]
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
_NODE_OPERATORS = frozenset({"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"})


def check_placement(field: str, spec: Checked) -> list[Cause]:
    """Affinity, spreading, gates, aliases, the pod's security context."""
    causes: list[Cause] = []
    if spec.get("dnsPolicy") == "None" and not spec.get("dnsConfig"):
        causes.append(required(f"{field}.dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None"))
    for key in ("runAsUser", "runAsGroup", "fsGroup"):
        number = (spec.get("securityContext") or {}).get(key)
        if number is not None and not 0 <= number <= 2**31 - 1:
            detail = "must be between 0 and 2147483647, inclusive"
            causes.append(invalid(f"{field}.securityContext.{key}", number, detail))
    for position, alias in enumerate(spec.get("hostAliases") or ()):
        causes += address(f"{field}.hostAliases[{position}].ip", str(alias.get("ip", "")))
    causes += _gates(field, spec)
    for position, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        causes += _spread(f"{field}.topologySpreadConstraints[{position}]", constraint)
    if "affinity" in spec:
        causes += _affinity(f"{field}.affinity", spec["affinity"])
    if "os" in spec:
        name = spec["os"].get("name", "")
        causes += [] if name in {"linux", "windows"} else [unsupported(f"{field}.os", name, ("linux", "windows"))]
    return causes


def _gates(field: str, spec: Checked) -> list[Cause]:
    causes: list[Cause] = []
    for position, gate in enumerate(spec.get("readinessGates") or ()):
        kind = str(gate.get("conditionType", ""))
        here = f"{field}.readinessGates[{position}].conditionType"
        causes += [invalid(here, kind, fault) for fault in qualified_name_faults(kind)]
    names: list[str] = []
    for position, gate in enumerate(spec.get("schedulingGates") or ()):
        name, here = str(gate.get("name", "")), f"{field}.schedulingGates[{position}]"
        causes += [invalid(here, name, fault) for fault in qualified_name_faults(name)]
        if name in names:
            causes.append(duplicate(here, name))
        names.append(name)
    return causes


def _spread(field: str, constraint: Checked) -> list[Cause]:
    skew, causes = constraint.get("maxSkew", 0), list[Cause]()
    if skew <= 0:
        causes.append(invalid(f"{field}.maxSkew", skew, "must be greater than zero"))
    if not constraint.get("topologyKey"):
        causes.append(required(f"{field}.topologyKey", "can not be empty"))
    policies = ("DoNotSchedule", "ScheduleAnyway")
    causes += one_of(f"{field}.whenUnsatisfiable", constraint.get("whenUnsatisfiable"), policies)
    return causes + selector_faults(f"{field}.labelSelector", constraint.get("labelSelector"))


def _affinity(field: str, affinity: Checked) -> list[Cause]:
    node = affinity.get("nodeAffinity") or {}
    causes: list[Cause] = []
    if node.get(_REQUIRED) is not None:
        here = f"{field}.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
        terms = node[_REQUIRED].get("nodeSelectorTerms") or ()
        if not terms:
            causes.append(required(here, "must have at least one node selector term"))
        for position, term in enumerate(terms):
            causes += _node_term(f"{here}[{position}]", term)
    for position, preferred in enumerate(node.get(_PREFERRED) or ()):
        here = f"{field}.nodeAffinity.{_PREFERRED}[{position}]"
        causes += _weight(here, preferred) + _node_term(f"{here}.preference", preferred.get("preference") or {})
    for kind in ("podAffinity", "podAntiAffinity"):
        part = affinity.get(kind) or {}
        for position, term in enumerate(part.get(_REQUIRED) or ()):
            causes += _pod_term(f"{field}.{kind}.{_REQUIRED}[{position}]", term)
        for position, preferred in enumerate(part.get(_PREFERRED) or ()):
            here = f"{field}.{kind}.{_PREFERRED}[{position}]"
            causes += _weight(here, preferred)
            causes += _pod_term(f"{here}.podAffinityTerm", preferred.get("podAffinityTerm") or {})
    return causes


def _weight(field: str, preferred: Checked) -> list[Cause]:
    weight = preferred.get("weight", 0)
    return [] if 1 <= weight <= 100 else [invalid(f"{field}.weight", weight, "must be in the range 1-100")]


def _node_term(field: str, term: Checked) -> list[Cause]:
    causes: list[Cause] = []
    for position, entry in enumerate(term.get("matchExpressions") or ()):
        here, operator, values = (
            f"{field}.matchExpressions[{position}]",
            entry.get("operator"),
            entry.get("values") or (),
        )
        if operator in {"In", "NotIn"} and not values:
            causes.append(required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in {"Gt", "Lt"} and len(values) != 1:
            detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            causes.append(required(f"{here}.values", detail))
        elif operator not in _NODE_OPERATORS:
            causes.append(invalid(f"{here}.operator", operator, "not a valid selector operator"))
        key = str(entry.get("key", ""))
        causes += [invalid(f"{here}.key", key, fault) for fault in qualified_name_faults(key)]
    return causes


def _pod_term(field: str, term: Checked) -> list[Cause]:
    causes = selector_faults(f"{field}.labelSelector", term.get("labelSelector"))
    causes += selector_faults(f"{field}.namespaceSelector", term.get("namespaceSelector"))
    key = str(term.get("topologyKey", ""))
    if not key:
        causes.append(required(f"{field}.topologyKey", "can not be empty"))
    return causes + [invalid(f"{field}.topologyKey", key, fault) for fault in qualified_name_faults(key)]
