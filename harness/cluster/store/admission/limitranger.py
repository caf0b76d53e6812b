"""LimitRanger: containers get the defaults of a namespace's limit ranges, and nothing may lie outside of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.cluster.quota import limits_of, requests_of
from harness.cluster.store.admission.refusals import Draft, forbidden, name_in
from harness.kube.client import Reader
from harness.kube.objects import Object
from harness.kube.quantity import parse
from harness.kube.resources import LIMIT_RANGES, PERSISTENT_VOLUME_CLAIMS, PODS

_ANNOTATION = "kubernetes.io/limit-ranger"
Amounts = Mapping[str, Any]
Rule = Callable[[str, str, Any, Amounts, Amounts], str]


def default_limits(reader: Reader, pod: Draft) -> None:
    """Fill in requests and limits that containers leave open."""
    for limit_range in reader.list(LIMIT_RANGES, pod["metadata"]["namespace"]):
        requests: dict[str, Any] = {}
        limits: dict[str, Any] = {}
        for item in _items(limit_range, "Container"):
            requests.update(item.get("defaultRequest") or {})
            limits.update(item.get("default") or {})
        if requests or limits:
            _merge(pod, requests, limits)


def check_pod_limits(reader: Reader, pod: Draft) -> None:
    """Raises Forbidden when a container or the pod is outside of a limit range."""
    for limit_range in reader.list(LIMIT_RANGES, pod["metadata"]["namespace"]):
        faults = list(_pod_faults(limit_range, pod["spec"]))
        if faults:
            raise forbidden(PODS, name_in(pod), _aggregate(faults))


def check_claim_limits(reader: Reader, claim: Draft) -> None:
    """Raises Forbidden when a claim asks for too much or too little."""
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    for limit_range in reader.list(LIMIT_RANGES, claim["metadata"]["namespace"]):
        faults: list[str] = []
        for item in _items(limit_range, "PersistentVolumeClaim"):
            for key, rule in (("min", _below), ("max", _request_above)):
                for name, amount in (item.get(key) or {}).items():
                    faults += filter(None, [rule("PersistentVolumeClaim", name, amount, requests, {})])
        if faults:
            raise forbidden(PERSISTENT_VOLUME_CLAIMS, name_in(claim), _aggregate(faults))


def _items(limit_range: Object, kind: str) -> Iterator[Mapping[str, Any]]:
    return (item for item in (limit_range.get("spec") or {}).get("limits") or () if item.get("type") == kind)


def _merge(pod: Draft, requests: Amounts, limits: Amounts) -> None:
    notes: list[str] = []
    for key, title in (("containers", "container"), ("initContainers", "init container")):
        for container in pod["spec"].get(key) or ():
            resources = container.setdefault("resources", {})
            for part, defaults, word in (("requests", requests, "request"), ("limits", limits, "limit")):
                present = resources.get(part) or {}
                added = {name: amount for name, amount in defaults.items() if name not in present}
                if added:
                    resources[part] = {**present, **added}
                    notes.append(f"{', '.join(sorted(added))} {word} for {title} {container.get('name', '')}")
    if notes:
        pod["metadata"].setdefault("annotations", {})[_ANNOTATION] = f"LimitRanger plugin set: {'; '.join(notes)}"


def _pod_faults(limit_range: Object, spec: Mapping[str, Any]) -> Iterator[str]:
    rules: Sequence[tuple[str, Rule]] = (("min", _below), ("max", _above), ("maxLimitRequestRatio", _ratio))
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        measured: list[tuple[Amounts, Amounts]] = []
        if item.get("type") == "Container":
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                resources = container.get("resources") or {}
                measured.append((resources.get("requests") or {}, resources.get("limits") or {}))
        elif item.get("type") == "Pod":
            bare = {key: value for key, value in spec.items() if key != "overhead"}
            measured.append((requests_of(bare), limits_of(bare)))
        for requests, limits in measured:
            for key, rule in rules:
                for name, amount in (item.get(key) or {}).items():
                    fault = rule(item["type"], name, amount, requests, limits)
                    if fault:
                        yield fault


def _below(kind: str, name: str, least: Any, requests: Amounts, limits: Amounts) -> str:
    head = f"minimum {name} usage per {kind} is {least}"
    if name not in requests:
        return f"{head}.  No request is specified"
    if parse(requests[name]) < parse(least):
        return f"{head}, but request is {requests[name]}"
    if name in limits and parse(limits[name]) < parse(least):
        return f"{head}, but limit is {limits[name]}"
    return ""


def _request_above(kind: str, name: str, most: Any, requests: Amounts, _limits: Amounts) -> str:
    head = f"maximum {name} usage per {kind} is {most}"
    if name not in requests:
        return f"{head}.  No request is specified"
    return f"{head}, but request is {requests[name]}" if parse(requests[name]) > parse(most) else ""


def _above(kind: str, name: str, most: Any, requests: Amounts, limits: Amounts) -> str:
    head = f"maximum {name} usage per {kind} is {most}"
    if name not in limits:
        return f"{head}.  No limit is specified"
    if parse(limits[name]) > parse(most):
        return f"{head}, but limit is {limits[name]}"
    if name in requests and parse(requests[name]) > parse(most):
        return f"{head}, but request is {requests[name]}"
    return ""


def _ratio(kind: str, name: str, most: Any, requests: Amounts, limits: Amounts) -> str:
    head = f"{name} max limit to request ratio per {kind} is {most}"
    request, limit = parse(requests.get(name, 0)), parse(limits.get(name, 0))
    if not request:
        return f"{head}, but no request is specified or request is 0"
    if not limit:
        return f"{head}, but no limit is specified or limit is 0"
    return f"{head}, but provided ratio is {float(limit / request):f}" if limit / request > parse(most) else ""


def _aggregate(faults: Sequence[str]) -> str:
    """Several faults as Go's utilerrors.Aggregate shows them."""
    texts = list(dict.fromkeys(faults))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
