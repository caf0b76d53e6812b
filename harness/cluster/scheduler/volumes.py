"""Claims and volumes as the scheduler sees them, and the rule which volume suits which claim (component-helpers `storage/volume`, 1.34).

The persistent-volume controller decides by the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.cluster.scheduler.plugins.node_affinity import selector_matches
from harness.kube import quantity
from harness.kube.client import Reader
from harness.kube.objects import Object, controller_of, is_deleting, labels_of, name_of, namespace_of
from harness.kube.resources import (
    CSI_DRIVERS,
    CSI_NODES,
    CSI_STORAGE_CAPACITIES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    VOLUME_ATTACHMENTS,
    Resource,
)
from harness.kube.selectors import from_object

SELECTED_NODE = "volume.kubernetes.io/selected-node"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


def class_of(obj: Object) -> str:
    """The storage class of a claim or a volume; empty for none."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(_CLASS_ANNOTATION) or obj["spec"].get("storageClassName") or "")


def capacity_bytes(volume: Object) -> int:
    """What a volume offers."""
    return quantity.whole((volume["spec"].get("capacity") or {}).get("storage", 0))


def requested_bytes(claim: Object) -> int:
    """What a claim asks for."""
    resources = claim["spec"].get("resources") or {}
    return quantity.whole((resources.get("requests") or {}).get("storage", 0))


def suits(volume: Object, claim: Object) -> bool:
    """Whether an unbound claim may get the volume: free or reserved for it, same class and mode, large enough, with all access modes, matching labels."""
    reference = volume["spec"].get("claimRef")
    if reference is not None:
        return is_for(reference, claim)
    if (claim["spec"].get("volumeName") or name_of(volume)) != name_of(volume):
        return False
    if is_deleting(volume) or (volume.get("status") or {}).get("phase", "Available") not in {"Available", "Pending"}:
        return False
    if class_of(volume) != class_of(claim) or capacity_bytes(volume) < requested_bytes(claim):
        return False
    if (volume["spec"].get("volumeMode") or "Filesystem") != (claim["spec"].get("volumeMode") or "Filesystem"):
        return False
    if any(mode not in (volume["spec"].get("accessModes") or ()) for mode in claim["spec"].get("accessModes") or ()):
        return False
    selector = from_object(claim["spec"].get("selector"))
    return selector is None or selector.matches(labels_of(volume))


def is_for(reference: Object, claim: Object) -> bool:
    """Whether a volume's claimRef means this claim; without a uid it is a reservation by name."""
    if (reference.get("namespace"), reference.get("name")) != (namespace_of(claim), name_of(claim)):
        return False
    return not reference.get("uid") or reference["uid"] == claim["metadata"].get("uid")


def best_volume(claim: Object, volumes: Iterable[Object]) -> Object | None:
    """A volume reserved for the claim, else the smallest that suits it."""
    suited = [volume for volume in volumes if suits(volume, claim)]
    return min(
        suited,
        key=lambda volume: (volume["spec"].get("claimRef") is None, capacity_bytes(volume), name_of(volume)),
        default=None,
    )


def best_volume_at(claim: Object, volumes: Iterable[Object], node_labels: Mapping[str, str]) -> Object | None:
    """The same among the volumes that a node with these labels reaches; a reserved one that it does not reach lets no other be taken."""
    suited = [volume for volume in volumes if suits(volume, claim)]
    if any(volume["spec"].get("claimRef") is not None and not admits(volume, node_labels) for volume in suited):
        return None
    return best_volume(claim, (volume for volume in suited if admits(volume, node_labels)))


def admits(volume: Object, node_labels: Mapping[str, str]) -> bool:
    """Whether the volume's node affinity admits a node with these labels."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    return required is None or selector_matches(required, node_labels, "")


def is_bound(claim: Object) -> bool:
    """Whether a claim has its volume and the volume controller is through with it."""
    annotations = claim["metadata"].get("annotations") or {}
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in annotations


def is_for_pod(claim: Object, pod: Object) -> bool:
    """Whether the claim was made for an ephemeral volume of this very pod."""
    owner = controller_of(claim)
    return owner is not None and owner["uid"] == pod["metadata"].get("uid")


def not_found(what: str, name: str) -> str:
    """As the API says it: `persistentvolumeclaim "x" not found`."""
    return f'{what} "{name}" not found'


class Volumes:
    """Looks up claims, volumes and what the CSI drivers say, among the types that this cluster serves."""

    def __init__(self, reader: Reader, served: Iterable[Resource] | None = None) -> None:
        self._reader = reader
        self._served = None if served is None else frozenset(resource.group_resource for resource in served)

    def claim(self, namespace: str, name: str) -> Object | None:
        """A claim."""
        return self._get(PERSISTENT_VOLUME_CLAIMS, namespace, name)

    def volume(self, name: str) -> Object | None:
        """A volume."""
        return self._get(PERSISTENT_VOLUMES, None, name) if name else None

    def volumes_of(self, storage_class: str) -> Sequence[Object]:
        """The volumes of a class, by name."""
        return [volume for volume in self._list(PERSISTENT_VOLUMES) if class_of(volume) == storage_class]

    def storage_class(self, name: str) -> Object | None:
        """A storage class."""
        return self._get(STORAGE_CLASSES, None, name) if name else None

    def csi_node(self, node: str) -> Object | None:
        """What the drivers on a node allow."""
        return self._get(CSI_NODES, None, node)

    def csi_driver(self, name: str) -> Object | None:
        """A driver."""
        return self._get(CSI_DRIVERS, None, name)

    def capacities(self) -> Sequence[Object]:
        """The storage that drivers have left, by class and topology."""
        return self._list(CSI_STORAGE_CAPACITIES)

    def attachments(self, node: str) -> Mapping[str, str]:
        """The CSI volumes attached to a node, as handle: driver."""
        found = {}
        for attachment in self._list(VOLUME_ATTACHMENTS):
            spec = attachment["spec"]
            if spec.get("nodeName") != node or not spec.get("attacher"):
                continue
            volume = self.volume(str((spec.get("source") or {}).get("persistentVolumeName") or ""))
            csi = None if volume is None else volume["spec"].get("csi")
            if csi is not None:
                found[f"{spec['attacher']}/{csi['volumeHandle']}"] = str(spec["attacher"])
        return found

    def _get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        return self._reader.get(resource, namespace, name) if self._serves(resource) else None

    def _list(self, resource: Resource) -> Sequence[Object]:
        return self._reader.list(resource) if self._serves(resource) else ()

    def _serves(self, resource: Resource) -> bool:
        return self._served is None or resource.group_resource in self._served
