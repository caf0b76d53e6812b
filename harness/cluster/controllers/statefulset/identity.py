"""Who a pod of a StatefulSet is: its ordinal, its name, its labels, its volumes (`pkg/controller/statefulset/stateful_set_utils.go`, 1.34). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.cluster.controllers.pods import pod_from_template
from harness.kube.objects import Object, labels_of, name_of

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
REVISION = "controller-revision-hash"
_NAME = re.compile(r"(.*)-([0-9]+)")
_ORDINAL_MAX = 2**31 - 1


def parent_and_ordinal(name: str) -> tuple[str, int]:
    """`web-3` is the third of `web`; -1 for a name without a number."""
    match = _NAME.fullmatch(name)
    if match is None:
        return "", -1
    ordinal = int(match[2])
    return match[1], ordinal if ordinal <= _ORDINAL_MAX else -1


def ordinal_of(pod: Object) -> int:
    """The number in the pod's name, -1 when there is none."""
    return parent_and_ordinal(name_of(pod))[1]


def is_member(stateful_set: Object, pod: Object) -> bool:
    """Whether the pod's name is one that the set gives."""
    return parent_and_ordinal(name_of(pod))[0] == name_of(stateful_set)


def replicas_of(stateful_set: Object) -> int:
    """`spec.replicas`."""
    return int(stateful_set["spec"].get("replicas", 1))


def ordinals_of(stateful_set: Object) -> range:
    """The ordinals that the set wants."""
    start = int((stateful_set["spec"].get("ordinals") or {}).get("start") or 0)
    return range(start, start + replicas_of(stateful_set))


def revision_of(pod: Object) -> str:
    """The revision that the pod was made of."""
    return labels_of(pod).get(REVISION, "")


def claim_name(stateful_set: Object, template: Mapping[str, Any], ordinal: int) -> str:
    """`<template>-<set>-<ordinal>`."""
    return f"{template['metadata']['name']}-{name_of(stateful_set)}-{ordinal}"


def claim_templates(stateful_set: Object) -> list[Mapping[str, Any]]:
    """`spec.volumeClaimTemplates`."""
    return list(stateful_set["spec"].get("volumeClaimTemplates") or ())


def with_storage(stateful_set: Object, volumes: list[dict[str, Any]], ordinal: int) -> list[dict[str, Any]]:
    """A pod's volumes, those of the set's claims first (upstream puts several in random order, here in the templates')."""
    claims = [
        {
            "name": template["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": claim_name(stateful_set, template, ordinal)},
        }
        for template in claim_templates(stateful_set)
    ]
    names = {claim["name"] for claim in claims}
    return claims + [volume for volume in volumes if volume["name"] not in names]


def identity_matches(stateful_set: Object, pod: Object) -> bool:
    """Whether name and label agree."""
    return is_member(stateful_set, pod) and labels_of(pod).get(POD_NAME) == name_of(pod)


def storage_matches(stateful_set: Object, pod: Object) -> bool:
    """Whether the pod mounts its own claims."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    return all(
        (volumes.get(template["metadata"]["name"], {}).get("persistentVolumeClaim") or {}).get("claimName")
        == claim_name(stateful_set, template, ordinal_of(pod))
        for template in claim_templates(stateful_set)
    )


def new_pod(stateful_set: Object, template: Mapping[str, Any], revision: str, ordinal: int) -> dict[str, Any]:
    """The pod of an ordinal, not yet stored; it has no status, by which it is known as new."""
    pod = pod_from_template(template, stateful_set, f"{name_of(stateful_set)}-")
    name = f"{name_of(stateful_set)}-{ordinal}"
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["name"] = name
    labels = metadata.setdefault("labels", {})
    labels.update({POD_NAME: name, POD_INDEX: str(ordinal), REVISION: revision})
    spec["hostname"] = name
    if stateful_set["spec"].get("serviceName"):
        spec["subdomain"] = stateful_set["spec"]["serviceName"]
    volumes = with_storage(stateful_set, spec.get("volumes", []), ordinal)
    if volumes:
        spec["volumes"] = volumes
    return pod
