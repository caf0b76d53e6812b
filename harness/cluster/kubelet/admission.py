"""The kubelet's own admission: a pod that does not fit its node ends Failed although it was bound (OutOfcpu,
OutOfmemory, NodeAffinity ...).

Pure rules after kubernetes 1.34 `pkg/kubelet/lifecycle/predicate.go` and `component-helpers` resource helpers: a
pod's request is the sum of its containers, or what its init containers need while they run if that is more, plus the
overhead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.cluster.kubelet.status import Verdict
from harness.kube import quantity
from harness.kube.objects import Object
from harness.kube.selectors import Requirement

_RESOURCES = ("cpu", "memory", "ephemeral-storage")


def request_of(pod: Object) -> dict[str, int]:
    """What the pod asks for: cpu in millicores, everything else in units."""
    spec = pod["spec"]
    running: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        asked = _requests(container)
        if container.get("restartPolicy") == "Always":
            _add(running, asked)
            _raise(peak, running)
        else:
            _raise(peak, _sum(running, asked))
    for container in spec.get("containers") or ():
        _add(running, _requests(container))
    _raise(running, peak)
    _add(running, _amounts(spec.get("overhead") or {}))
    return running


def _requests(container: Mapping[str, Any]) -> dict[str, int]:
    return _amounts((container.get("resources") or {}).get("requests") or {})


def _amounts(resources: Mapping[str, Any]) -> dict[str, int]:
    return {
        name: quantity.milli(amount) if name == "cpu" else quantity.whole(amount) for name, amount in resources.items()
    }


def _sum(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    total = dict(left)
    _add(total, right)
    return total


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise(total: dict[str, int], floor: Mapping[str, int]) -> None:
    for name, amount in floor.items():
        total[name] = max(total.get(name, 0), amount)


def admit(pod: Object, node: Object, others: Iterable[Mapping[str, int]]) -> Verdict | None:
    """Why `node`, where pods with the requests `others` live, does not take the pod; None when it does."""
    capacity = (node.get("status") or {}).get("allocatable") or {}
    living = list(others)
    if len(living) + 1 > quantity.whole(capacity.get("pods", 110)):
        return _out_of("pods", 1, len(living), quantity.whole(capacity.get("pods", 110)))
    used: dict[str, int] = {}
    for other in living:
        _add(used, other)
    allocatable = _amounts(capacity)
    asked = request_of(pod)
    for name in (*_RESOURCES, *sorted(set(asked) - set(_RESOURCES))):
        wanted = asked.get(name, 0)
        if wanted and wanted > allocatable.get(name, 0) - used.get(name, 0):
            return _out_of(name, wanted, used.get(name, 0), allocatable.get(name, 0))
    if not _matches_node(pod, node):
        text = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
        return Verdict("NodeAffinity", text)
    taint = _untolerated_no_execute(pod, node)
    if taint is not None:
        text = f"Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate ({taint})"
        return Verdict("TaintToleration", text)
    return None


def _out_of(name: str, asked: int, used: int, capacity: int) -> Verdict:
    text = f"Node didn't have enough resource: {name}, requested: {asked}, used: {used}, capacity: {capacity}"
    return Verdict(f"OutOf{name}", text)


def _matches_node(pod: Object, node: Object) -> bool:
    labels: Mapping[str, str] = node["metadata"].get("labels") or {}
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if affinity is None:
        return True
    return any(_term_matches(term, labels, str(node["metadata"]["name"])) for term in affinity["nodeSelectorTerms"])


def _term_matches(term: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_requirement(entry).matches(labels) for entry in expressions) and all(
        _requirement(entry).matches({"metadata.name": name}) for entry in fields
    )


def _requirement(entry: Mapping[str, Any]) -> Requirement:
    return Requirement(str(entry["key"]), str(entry["operator"]), tuple(entry.get("values") or ()))


def _untolerated_no_execute(pod: Object, node: Object) -> str | None:
    for taint in node["spec"].get("taints") or () if node.get("spec") else ():
        if taint["effect"] == "NoExecute" and not any(
            _tolerates(toleration, taint) for toleration in pod["spec"].get("tolerations") or ()
        ):
            return f"{taint['key']}: {taint.get('value', '')}"
    return None


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")
