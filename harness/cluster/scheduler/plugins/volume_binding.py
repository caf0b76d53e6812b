"""VolumeBinding: the claims of a pod exist and are bound, or can be bound to volumes that the node reaches, or provisioned where the node is.

Follows `volumebinding/{volume_binding,binder}.go` (1.34). A claim whose class waits for its first consumer is matched, per node, with the smallest free
volume that the node reaches; a claim without one is provisioned if the class can, its allowedTopologies admit the node, and a CSIStorageCapacity (where
the driver publishes them) has the space. `bindings` says what to write once a node is chosen. The score of StorageCapacityScoring (off by default) is
not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    ClusterEvent,
    FilterState,
    NodeByNode,
    Refusal,
    Verdict,
    WideFilter,
)
from harness.cluster.scheduler.podinfo import PodInfo
from harness.cluster.scheduler.volumes import (
    SELECTED_NODE,
    Volumes,
    admits,
    best_volume_at,
    class_of,
    is_bound,
    is_for_pod,
    not_found,
    requested_bytes,
)
from harness.kube import quantity
from harness.kube.objects import Object, is_deleting, name_of, namespace_of
from harness.kube.selectors import from_object

REASON_UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
REASON_NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
REASON_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
REASON_NO_SPACE = "node(s) did not have enough free storage"
REASON_NO_SUCH_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
_NO_PROVISIONER = "kubernetes.io/no-provisioner"
_MIGRATED = "storage.alpha.kubernetes.io/migrated-plugins"


@dataclass(frozen=True)
class Bindings:
    """What a node means for the claims that wait: volumes to bind, claims to provision, or the reasons against it."""

    static: tuple[tuple[Object, Object], ...] = ()  # claim, volume
    provisioned: tuple[Object, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claims:
    """The claims of a pod by what is left to do."""

    bound: tuple[Object, ...]
    waiting: tuple[Object, ...]
    immediate: tuple[Object, ...]


def claims_of_pod(pod: PodInfo, volumes: Volumes) -> Claims:
    """The pod's claims, those that do not exist left out."""
    bound, waiting, immediate = [], [], []
    for name in pod.claims:
        claim = volumes.claim(pod.namespace, name)
        if claim is None:
            continue
        if is_bound(claim):
            bound.append(claim)
        elif _waits(claim, volumes) and not claim["spec"].get("volumeName"):
            waiting.append(claim)
        else:
            immediate.append(claim)
    return Claims(tuple(bound), tuple(waiting), tuple(immediate))


def _waits(claim: Object, volumes: Volumes) -> bool:
    name = class_of(claim)
    if not name:
        return False
    storage_class = volumes.storage_class(name)
    return storage_class is not None and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"


def bindings(claims: Claims, node: NodeInfo, volumes: Volumes) -> Bindings:
    """What choosing this node would take."""
    bound_reason = ""
    for claim in claims.bound:
        volume = volumes.volume(str(claim["spec"]["volumeName"]))
        if volume is None:
            bound_reason = REASON_NO_SUCH_VOLUME
            break
        if not admits(volume, node.labels):
            bound_reason = REASON_CONFLICT
            break
    static: list[tuple[Object, Object]] = []
    to_provision: list[Object] = []
    waiting_reason = ""
    to_match = []
    for claim in claims.waiting:
        selected = (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE)
        if selected is None:
            to_match.append(claim)
        elif selected == node.name:
            to_provision.append(claim)
        else:
            waiting_reason = REASON_NO_VOLUME
            break
    else:
        taken: set[str] = set()
        for claim in sorted(to_match, key=requested_bytes):
            free = [volume for volume in volumes.volumes_of(class_of(claim)) if name_of(volume) not in taken]
            volume = best_volume_at(claim, free, node.labels)
            if volume is None:
                to_provision.append(claim)
            else:
                taken.add(name_of(volume))
                static.append((claim, volume))
        waiting_reason = _cannot_provision(to_provision, node, volumes)
    by_rank = (REASON_CONFLICT, REASON_NO_VOLUME, REASON_NO_SPACE, REASON_NO_SUCH_VOLUME)
    reasons = tuple(reason for reason in by_rank if reason in {bound_reason, waiting_reason})
    return Bindings(tuple(static), tuple(to_provision), reasons)


def _cannot_provision(claims: Sequence[Object], node: NodeInfo, volumes: Volumes) -> str:
    for claim in claims:
        storage_class = volumes.storage_class(class_of(claim))
        if storage_class is None or storage_class.get("provisioner") in {None, "", _NO_PROVISIONER}:
            return REASON_NO_VOLUME
        if not _allows(storage_class, node):
            return REASON_NO_VOLUME
        if not _has_space(claim, storage_class, node, volumes):
            return REASON_NO_SPACE
    return ""


def _allows(storage_class: Object, node: NodeInfo) -> bool:
    terms = storage_class.get("allowedTopologies") or ()
    if not terms:
        return True
    return any(
        all(
            node.labels.get(str(entry["key"])) in (entry.get("values") or ())
            for entry in term.get("matchLabelExpressions") or ()
        )
        and bool(term.get("matchLabelExpressions"))
        for term in terms
    )


def _has_space(claim: Object, storage_class: Object, node: NodeInfo, volumes: Volumes) -> bool:
    driver = volumes.csi_driver(str(storage_class["provisioner"]))
    if driver is None or not driver["spec"].get("storageCapacity"):
        return True
    for capacity in volumes.capacities():
        limit = _limit(capacity)
        topology = from_object(capacity.get("nodeTopology"))
        if (
            capacity.get("storageClassName") == name_of(storage_class)
            and limit is not None
            and limit >= requested_bytes(claim)
            and topology is not None
            and topology.matches(node.labels)
        ):
            return True
    return False


def _limit(capacity: Object) -> int | None:
    value = capacity.get("maximumVolumeSize") or capacity.get("capacity")
    return None if value is None else quantity.whole(value)


class _Reach(NodeByNode):
    """The pod's claims against each node."""

    def __init__(self, claims: Claims, volumes: Volumes) -> None:
        self._claims = claims
        self._volumes = volumes

    def check(self, node: NodeInfo) -> tuple[Refusal, ...]:
        """Refuse nodes from which a volume cannot be reached or made."""
        return tuple(Refusal(reason) for reason in bindings(self._claims, node, self._volumes).reasons) or FITS


class VolumeBinding(WideFilter):
    """Filter; what it reserves and binds is in `scheduler.binding`."""

    name = "VolumeBinding"
    events = frozenset(
        {
            "StorageClass/Add",
            "StorageClass/Update",
            "PersistentVolumeClaim/Add",
            "PersistentVolumeClaim/Update",
            "PersistentVolume/Add",
            "PersistentVolume/Update",
            "Node/Add",
            "Node/UpdateNodeLabel",
            "Node/UpdateNodeTaint",
            "CSINode/Add",
            "CSINode/Update",
            "CSIDriver/Update",
            "CSIStorageCapacity/Add",
            "CSIStorageCapacity/Update",
        }
    )

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def admit(self, pod: PodInfo, _cluster: Cluster) -> Verdict | None:
        """Refuse pods whose claims do not exist, are lost or going, or should have been bound already."""
        for volume in pod.spec.get("volumes") or ():
            refusal = self._refuses(pod, volume)
            if refusal:
                return Verdict(refusal=refusal)
        if pod.claims and claims_of_pod(pod, self._volumes).immediate:
            return Verdict(refusal=REASON_UNBOUND)
        return None

    def state(self, pod: PodInfo, _cluster: Cluster) -> FilterState | None:
        """Skipped without claims."""
        return _Reach(claims_of_pod(pod, self._volumes), self._volumes) if pod.claims else None

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A claim of the pod, a class with other topologies, more capacity, any volume or node."""
        old, new = event.old, event.new
        if new is None or event.label.startswith(("PersistentVolume/", "Node/")):
            return True
        if event.label.startswith("PersistentVolumeClaim/"):
            return namespace_of(new) == pod.namespace and name_of(new) in pod.claims
        if event.label == "CSIDriver/Update":
            return _capacity_dropped(pod, event)
        if old is None:
            return True
        if event.label == "StorageClass/Update":
            return bool(old.get("allowedTopologies") != new.get("allowedTopologies"))
        if event.label == "CSIStorageCapacity/Update":
            before, after = _limit(old), _limit(new)
            return after is not None and (before is None or after > before)
        annotations = [(node["metadata"].get("annotations") or {}).get(_MIGRATED) for node in (old, new)]
        return annotations[0] != annotations[1]

    def _refuses(self, pod: PodInfo, volume: Object) -> str:
        if "persistentVolumeClaim" in volume:
            name = str(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            name = f"{name_of(pod.pod)}-{volume['name']}"
        else:
            return ""
        claim = self._volumes.claim(pod.namespace, name)
        if claim is None:
            if "ephemeral" in volume:
                return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
            return not_found("persistentvolumeclaim", name)
        if (claim.get("status") or {}).get("phase") == "Lost":
            volume_name = claim["spec"].get("volumeName") or ""
            return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{volume_name}"'
        if is_deleting(claim):
            return f'persistentvolumeclaim "{name}" is being deleted'
        if "ephemeral" in volume and not is_for_pod(claim, pod.pod):
            return f"PVC {pod.namespace}/{name} was not created for pod {pod.key} (pod is not owner)"
        return ""


def _capacity_dropped(pod: PodInfo, event: ClusterEvent) -> bool:
    if event.old is None or event.new is None:
        return False
    names = {(volume.get("csi") or {}).get("driver") for volume in pod.spec.get("volumes") or ()}
    before, after = (bool(driver["spec"].get("storageCapacity")) for driver in (event.old, event.new))
    return name_of(event.new) in names and before and not after
