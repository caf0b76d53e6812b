"""Which nodes run a pod of a DaemonSet, and how such a pod is tied to its node (`pkg/controller/daemon`, `daemon/util`, 1.34). Pure.

The default scheduler binds the pods: each carries a node affinity that names its node, and tolerates what would otherwise keep it from a node in trouble.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.controllers.percent import scaled
from harness.cluster.scheduler.plugins.node_affinity import selector_matches
from harness.cluster.scheduler.plugins.taint_toleration import untolerated
from harness.kube.objects import Object, labels_of, name_of, thaw
from harness.kube.selectors import from_labels

GENERATION_ANNOTATION = "deprecated.daemonset.template.generation"
GENERATION = "pod-template-generation"
REVISION = "controller-revision-hash"
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_WITHOUT_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")
_HARD, _NO_EXECUTE = frozenset({"NoSchedule", "NoExecute"}), frozenset({"NoExecute"})


def tolerations_of(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pod's tolerations with those that every daemon pod gets."""
    tolerations: list[dict[str, Any]] = thaw(spec.get("tolerations") or [])
    wanted = (*_TOLERATED, _WITHOUT_NETWORK) if spec.get("hostNetwork") else _TOLERATED
    for key, effect in wanted:
        ours = {"key": key, "operator": "Exists", "effect": effect}
        for number, other in enumerate(tolerations):
            # A toleration of the same key, effect, operator and value is replaced, whatever its seconds say.
            if (other.get("key"), other.get("effect"), other.get("operator") or "Equal", other.get("value") or "") == (
                key,
                effect,
                "Exists",
                "",
            ):
                tolerations[number] = ours
                break
        else:
            tolerations.append(ours)
    return tolerations


def bound_to(affinity: Mapping[str, Any] | None, node: str) -> dict[str, Any]:
    """The affinity with its required node terms replaced by one that names the node."""
    changed: dict[str, Any] = thaw(affinity or {})
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    changed.setdefault("nodeAffinity", {})["requiredDuringSchedulingIgnoredDuringExecution"] = {
        "nodeSelectorTerms": terms
    }
    return changed


def target_of(pod: Object) -> str | None:
    """The node that a daemon pod runs on or is meant for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name" and field["operator"] == "In":
                return str(field["values"][0]) if len(field["values"]) == 1 else None
    return None


def runs_on(daemon_set: Object, node: Object) -> tuple[bool, bool]:
    """Whether a pod should run on the node, and whether one that does may stay: only a NoExecute taint drives it away."""
    spec = daemon_set["spec"]["template"]["spec"]
    name = name_of(node)
    if spec.get("nodeName") and spec["nodeName"] != name:
        return False, False
    if not from_labels(spec.get("nodeSelector") or {}).matches(labels_of(node)):
        return False, False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is not None and not selector_matches(required, labels_of(node), name):
        return False, False
    taints: Sequence[Mapping[str, Any]] = node["spec"].get("taints") or () if "spec" in node else ()
    if not taints:
        return True, True
    tolerations = tolerations_of(spec)
    if untolerated(taints, tolerations, _HARD):
        return False, not untolerated(taints, tolerations, _NO_EXECUTE)
    return True, True


def generation_of(daemon_set: Object) -> str | None:
    """The number of the template, kept for what is older than revisions."""
    value = (daemon_set["metadata"].get("annotations") or {}).get(GENERATION_ANNOTATION)
    return str(int(value)) if value is not None and str(value).lstrip("-").isdigit() else None


def pod_template(daemon_set: Object, node: str, digest: str) -> dict[str, Any]:
    """The template of the pod for a node."""
    template: dict[str, Any] = thaw(daemon_set["spec"]["template"])
    spec = template["spec"]
    spec["tolerations"] = tolerations_of(spec)
    spec["affinity"] = bound_to(spec.get("affinity"), node)
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    generation = generation_of(daemon_set)
    if generation is not None:
        labels[GENERATION] = generation
    labels[REVISION] = digest
    return template


def is_updated(daemon_set: Object, pod: Object, digest: str) -> bool:
    """Whether the pod is made from the present template."""
    generation = generation_of(daemon_set)
    labels = labels_of(pod)
    return labels.get(REVISION) == digest or (generation is not None and labels.get(GENERATION) == generation)


def limits_of(daemon_set: Object, nodes: int) -> tuple[int, int]:
    """maxSurge and maxUnavailable in pods for so many nodes; both are 0 with OnDelete."""
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") != "RollingUpdate" or rolling is None:
        return 0, 0
    surge = scaled(rolling.get("maxSurge", 0), nodes, up=True)
    return surge, scaled(rolling.get("maxUnavailable", 1), nodes, up=True)


def by_age(pods: Sequence[Object]) -> list[Object]:
    """Those with a node first, then the oldest."""
    return sorted(
        pods, key=lambda pod: (not pod["spec"].get("nodeName"), pod["metadata"]["creationTimestamp"], name_of(pod))
    )
