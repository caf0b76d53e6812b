"""PersistentVolumeClaims of a StatefulSet: what they look like, and who owns them under persistentVolumeClaimRetentionPolicy.

Follows `pkg/controller/statefulset/stateful_set_utils.go` (1.34). Retain: nobody. `whenDeleted: Delete`: the set, so that the garbage collector takes them
along. `whenScaled: Delete`: the pod, once its ordinal is no longer wanted. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.controllers.statefulset.identity import claim_name, claim_templates, ordinal_of, ordinals_of
from harness.kube.objects import Object, name_of, namespace_of, owner_reference, thaw, uid_of

_SET_TYPE, _POD_TYPE = ("apps/v1", "StatefulSet"), ("v1", "Pod")


def claims_of(stateful_set: Object, ordinal: int) -> list[dict[str, Any]]:
    """The claims that the pod of an ordinal mounts."""
    labels = stateful_set["spec"]["selector"].get("matchLabels") or {}
    found = []
    for template in claim_templates(stateful_set):
        claim = thaw(template)
        claim.update({"apiVersion": "v1", "kind": "PersistentVolumeClaim"})
        claim.pop("status", None)
        metadata = claim["metadata"]
        metadata["name"] = claim_name(stateful_set, template, ordinal)
        metadata["namespace"] = namespace_of(stateful_set)
        if labels or metadata.get("labels"):
            metadata["labels"] = {**metadata.get("labels", {}), **labels}
        found.append(claim)
    return found


def deletes(stateful_set: Object) -> tuple[bool, bool]:
    """Whether claims go with the set, and whether they go with a scaled-down pod."""
    policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    return policy.get("whenDeleted") == "Delete", policy.get("whenScaled") == "Delete"


def _refers(reference: Mapping[str, Any], obj: Object, kind: tuple[str, str]) -> bool:
    return (reference["apiVersion"], reference["kind"]) == kind and reference["name"] == name_of(obj)


def _references(claim: Object) -> Sequence[Mapping[str, Any]]:
    return claim["metadata"].get("ownerReferences") or ()


def _is_stale(claim: Object, obj: Object, kind: tuple[str, str]) -> bool:
    uid = obj["metadata"].get("uid")
    return next((entry["uid"] != uid for entry in _references(claim) if _refers(entry, obj, kind)), False)


def is_stale(claim: Object, pod: Object) -> bool:
    """Whether the claim still belongs to a former pod of this name: it will go, and must not be used again."""
    return _is_stale(claim, pod, _POD_TYPE)


def has_unexpected_controller(claim: Object, stateful_set: Object, pod: Object) -> bool:
    """Whether somebody else manages the claim, so that the policy cannot be followed."""
    if not any(deletes(stateful_set)):
        return False
    for entry in _references(claim):
        for obj, kind in ((stateful_set, _SET_TYPE), (pod, _POD_TYPE)):
            if _refers(entry, obj, kind):
                if entry["uid"] != obj["metadata"].get("uid"):
                    return True
                break
        else:
            if entry.get("controller"):
                return True
    return False


def _wanted_owners(stateful_set: Object, pod: Object) -> tuple[bool, bool]:
    """Whether the set, and whether the pod, should own the claim."""
    when_deleted, when_scaled = deletes(stateful_set)
    condemned = ordinal_of(pod) not in ordinals_of(stateful_set)
    by_pod = when_scaled and condemned
    return when_deleted and not by_pod, by_pod


def is_up_to_date(claim: Object, stateful_set: Object, pod: Object) -> bool:
    """Whether the claim's owners are those that the policy asks for."""
    if _is_stale(claim, stateful_set, _SET_TYPE) or _is_stale(claim, pod, _POD_TYPE):
        return True  # of a set or pod that is gone: not ours to touch
    uids = {entry["uid"]: entry for entry in _references(claim)}
    by_set, by_pod = uids.get(uid_of(stateful_set)), uids.get(str(pod["metadata"].get("uid")))
    if has_unexpected_controller(claim, stateful_set, pod):
        return by_set is None and by_pod is None
    if any(entry is not None and not entry.get("controller") for entry in (by_set, by_pod)):
        return False
    return (by_set is not None, by_pod is not None) == _wanted_owners(stateful_set, pod)


def owners_for(claim: Object, stateful_set: Object, pod: Object) -> list[dict[str, Any]]:
    """The claim's owner references as the policy asks for."""
    left = [
        dict(entry)
        for entry in _references(claim)
        if not _refers(entry, stateful_set, _SET_TYPE) and not _refers(entry, pod, _POD_TYPE)
    ]
    if has_unexpected_controller(claim, stateful_set, pod):
        return left
    by_set, by_pod = _wanted_owners(stateful_set, pod)
    if by_pod:
        left.append(owner_reference({**pod, "apiVersion": "v1", "kind": "Pod"}))
    if by_set:
        left.append(owner_reference(stateful_set))
    return left
