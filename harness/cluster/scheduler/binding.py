"""VolumeBinding's Reserve and PreBind: what is written once a node is chosen, and the wait until the pod's claims are bound.

Follows `volumebinding/binder.go` (1.34): a chosen volume gets its claimRef, a claim to be provisioned the annotation with the node; every second, the
first time after one second, it is looked at whether all claims are bound, for ten minutes. The pod takes its room on the node meanwhile. Nothing ticks:
a look is planned for the next of these seconds only when something about the claims has changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.clock import MINUTE, SECOND
from harness.cluster.scheduler.plugins.volume_binding import Bindings
from harness.cluster.scheduler.queue import Queued
from harness.cluster.scheduler.volumes import (
    BOUND_BY_CONTROLLER,
    SELECTED_NODE,
    Volumes,
    admits,
    is_bound,
)
from harness.kube.client import Writer
from harness.kube.objects import Object, labels_of, name_of, namespace_of, uid_of
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES

BIND_TIMEOUT_US = 10 * MINUTE
_LOOK_EVERY_US = SECOND


class BindingFailed(Exception):
    """The claims cannot be bound as planned; the text is upstream's."""


@dataclass(eq=False)
class Waiting:
    """A pod whose claims are being bound for a node."""

    queued: Queued
    node: str
    since_us: int
    bindings: Bindings

    @property
    def ends_us(self) -> int:
        """When the patience is over."""
        return self.since_us + BIND_TIMEOUT_US

    def next_look_us(self, now_us: int) -> int:
        """The next of the seconds, now if it is one."""
        looks = max(-(-(now_us - self.since_us) // _LOOK_EVERY_US), 1)
        return self.since_us + looks * _LOOK_EVERY_US


def ask_for_volumes(bindings: Bindings, node: str, writer: Writer) -> None:
    """Write down who gets which volume, and where claims are to be provisioned. Raises ApiError."""
    for claim, volume in bindings.static:
        reference = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": namespace_of(claim),
            "name": name_of(claim),
            "uid": uid_of(claim),
        }
        by_us = {} if volume["spec"].get("claimRef") else {BOUND_BY_CONTROLLER: "yes"}
        patch = {
            "metadata": {"annotations": by_us, "resourceVersion": volume["metadata"].get("resourceVersion")},
            "spec": {"claimRef": reference},
        }
        writer.patch(PERSISTENT_VOLUMES, None, name_of(volume), patch)
    for claim in bindings.provisioned:
        selected = {"metadata": {"annotations": {SELECTED_NODE: node}}}
        writer.patch(PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), selected)


def are_bound(waiting: Waiting, node: Object | None, volumes: Volumes) -> bool:
    """Whether all claims are bound. Raises BindingFailed."""
    if node is None:
        raise BindingFailed(f'binding volumes: failed to get node "{waiting.node}": node "{waiting.node}" not found')
    namespace = waiting.queued.pod.namespace
    for claim, chosen in waiting.bindings.static:
        volume = volumes.volume(name_of(chosen))
        current = volumes.claim(namespace, name_of(claim))
        if volume is None or current is None:
            missing = name_of(chosen) if volume is None else f"{namespace}/{name_of(claim)}"
            raise BindingFailed(
                f'binding volumes: failed to check binding: could not find v1.{_kind(volume)} "{missing}"'
            )
        _check_reach(volume, node)
        if not (volume["spec"].get("claimRef") or {}).get("uid"):
            raise BindingFailed(f'binding volumes: ClaimRef got reset for pv "{name_of(volume)}"')
        if not is_bound(current):
            return False
    for claim in waiting.bindings.provisioned:
        current = volumes.claim(namespace, name_of(claim))
        if current is None:
            raise BindingFailed(
                f"binding volumes: failed to check provisioning pvc: could not find v1.PersistentVolumeClaim "
                f'"{namespace}/{name_of(claim)}"'
            )
        annotations = current["metadata"].get("annotations")
        if annotations is None:
            raise BindingFailed(f'binding volumes: selectedNode annotation reset for PVC "{name_of(claim)}"')
        if annotations.get(SELECTED_NODE) != waiting.node:
            raise BindingFailed(f'binding volumes: provisioning failed for PVC "{name_of(claim)}"')
        volume = volumes.volume(str(current["spec"].get("volumeName") or ""))
        if volume is not None:
            _check_reach(volume, node)
        if not is_bound(current):
            return False
    return True


def _check_reach(volume: Object, node: Object) -> None:
    if not admits(volume, labels_of(node)):
        raise BindingFailed(
            f'binding volumes: pv "{name_of(volume)}" node affinity doesn\'t match node "{name_of(node)}": '
            "no matching NodeSelectorTerms"
        )


def _kind(volume: Object | None) -> str:
    return "PersistentVolume" if volume is None else "PersistentVolumeClaim"
