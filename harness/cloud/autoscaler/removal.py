"""Which nodes could go: utilisation, and what forbids to move a pod. Pure.

Follows Cluster Autoscaler 1.34 `simulator/drainability` and `utils/drain`: pods of kube-system, with local storage,
of no or of a foreign controller, and those that say `safe-to-evict: "false"` keep a node; an annotation
`safe-to-evict: "true"` overrides all of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.cloud.autoscaler.fit import Bin, requests_of
from harness.cloud.autoscaler.flags import Flags
from harness.cloud.autoscaler.packing import place_on
from harness.kube.objects import Object, controller_of, is_deleting, key_of, labels_of, namespace_of
from harness.kube.selectors import from_object

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
SCALE_DOWN_DISABLED = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
_MIRROR = "kubernetes.io/config.mirror"
_KNOWN_CONTROLLERS = frozenset({"ReplicationController", "Job", "ReplicaSet", "StatefulSet"})


def utilization(node: Bin) -> float:
    """The larger of cpu and memory requests over allocatable."""
    return max(
        node.used.get(resource, 0) / node.shape.allocatable[resource]
        for resource in ("cpu", "memory")
        if node.shape.allocatable.get(resource)
    )


def pods_to_move(pods: Iterable[Object]) -> list[Object]:
    """The pods that another node would have to take: not ended, not ending, not of the node itself."""
    return [pod for pod in pods if not _stays(pod)]


def obstacle(pod: Object, flags: Flags, budgets: Sequence[Object]) -> str | None:
    """Why a pod keeps its node, in upstream's words; None when it can be moved."""
    annotation = (pod["metadata"].get("annotations") or {}).get(SAFE_TO_EVICT)
    if annotation != "true":
        owner = controller_of(pod)
        if owner is None:
            return "NotReplicated"
        if owner["kind"] not in _KNOWN_CONTROLLERS and flags.skip_nodes_with_custom_controller_pods:
            return "NotReplicated"
        if namespace_of(pod) == "kube-system" and flags.skip_nodes_with_system_pods and not _budgets_of(pod, budgets):
            return "UnmovableKubeSystemPod"
        if flags.skip_nodes_with_local_storage and _has_local_storage(pod):
            return "LocalStorageRequested"
        if annotation == "false":
            return "NotSafeToEvictAnnotation"
    for budget in _budgets_of(pod, budgets):
        if int((budget.get("status") or {}).get("disruptionsAllowed") or 0) < 1:
            return "NotEnoughPdb"
    return None


def fit_elsewhere(pods: Sequence[Object], others: Sequence[Bin]) -> bool:
    """Whether the other nodes take all the pods; `others` are filled when they do and must be copies."""
    return not place_on(sorted(pods, key=key_of), others)


def copy_bins(bins: Iterable[Bin]) -> list[Bin]:
    """Bins to try something on."""
    return [Bin(one.shape, dict(one.used)) for one in bins]


def is_protected(node: Object) -> bool:
    """Whether an annotation keeps the node."""
    return (node["metadata"].get("annotations") or {}).get(SCALE_DOWN_DISABLED) == "true"


def filled(shape_bin: Bin, pods: Iterable[Object]) -> Bin:
    """A node with the pods that run on it."""
    for pod in pods:
        if (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}:
            shape_bin.add(requests_of(pod))
    return shape_bin


def _stays(pod: Object) -> bool:
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"} or is_deleting(pod):
        return True
    owner: Mapping[str, object] | None = controller_of(pod)
    return _MIRROR in (pod["metadata"].get("annotations") or {}) or (owner is not None and owner["kind"] == "DaemonSet")


def _budgets_of(pod: Object, budgets: Sequence[Object]) -> list[Object]:
    found = []
    for budget in budgets:
        selector = from_object(budget["spec"].get("selector"))
        if namespace_of(budget) == namespace_of(pod) and selector is not None and selector.matches(labels_of(pod)):
            found.append(budget)
    return found


def _has_local_storage(pod: Object) -> bool:
    return any(
        "hostPath" in volume or ("emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory")
        for volume in pod["spec"].get("volumes") or ()
    )
