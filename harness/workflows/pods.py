"""The pod of a container or script template.

Follows Argo Workflows 4.1 `workflow/controller/workflowpod.go`: names, labels, annotations, placement (the template's fields before the
workflow's), volumes (those that are mounted, the template's before the workflow's), the deadline, `podSpecPatch` (the workflow's, then the
template's).

On purpose absent: the executor's `init` and `wait` containers. A pod has the template's own containers only, so nothing is captured from it (no
`outputs.result`, no output files, no artifacts, no logs), its resource request is the template's alone, and it ends when `main` does. The script of
a script template is part of the command line instead of a file that the init container stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.kube.objects import Object, name_of, namespace_of, owner_reference, thaw
from harness.kube.resources import PODS
from harness.workflows.assess import MAIN
from harness.workflows.errors import InvalidSpec
from harness.workflows.podspec_patch import apply_patch
from harness.workflows.substitute import Scope, substitute

WORKFLOW_LABEL = "workflows.argoproj.io/workflow"
COMPLETED_LABEL = "workflows.argoproj.io/completed"
ON_EXIT_LABEL = "workflows.argoproj.io/on-exit"
NODE_ID_ANNOTATION = "workflows.argoproj.io/node-id"
NODE_NAME_ANNOTATION = "workflows.argoproj.io/node-name"

_TEMPLATE_FIRST = (
    "serviceAccountName",
    "automountServiceAccountToken",
    "securityContext",
    "affinity",
    "schedulerName",
    "priorityClassName",
    "hostAliases",
)
_WORKFLOW_ONLY = ("hostNetwork", "dnsPolicy", "dnsConfig", "imagePullSecrets")


@dataclass(frozen=True)
class PodRequest:
    """What a pod is made from. `template` has its inputs substituted already."""

    workflow: Object
    spec: Mapping[str, Any]
    template: Mapping[str, Any]
    name: str
    node_id: str
    node_name: str
    scope: Scope
    on_exit: bool = False
    active_deadline_s: int | None = None
    avoided_hosts: tuple[str, ...] = ()


def pod_for(request: PodRequest) -> dict[str, Any]:
    """The pod as it is sent to the API. Raises InvalidSpec."""
    spec = _pod_spec(request)
    for patch in (request.spec.get("podSpecPatch"), request.template.get("podSpecPatch")):
        if patch:
            spec = apply_patch(spec, str(substitute(patch, request.scope)))
    return {"apiVersion": PODS.api_version, "kind": PODS.kind, "metadata": _metadata(request), "spec": spec}


def _metadata(request: PodRequest) -> dict[str, Any]:
    labels = {WORKFLOW_LABEL: name_of(request.workflow), COMPLETED_LABEL: "false"}
    if request.on_exit:
        labels[ON_EXIT_LABEL] = "true"
    annotations = {
        NODE_ID_ANNOTATION: request.node_id,
        NODE_NAME_ANNOTATION: request.node_name,
        "kubectl.kubernetes.io/default-container": MAIN,
    }
    for source in (request.spec.get("podMetadata"), request.template.get("metadata")):
        chosen = substitute(source or {}, request.scope)
        labels.update(chosen.get("labels") or {})
        annotations.update(chosen.get("annotations") or {})
    return {
        "name": request.name,
        "namespace": namespace_of(request.workflow),
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [owner_reference(request.workflow)],
    }


def _pod_spec(request: PodRequest) -> dict[str, Any]:
    template, spec = request.template, request.spec
    containers = [main_container(template)]
    inits = [_user_container(container, containers[0]) for container in template.get("initContainers") or ()]
    pod: dict[str, Any] = {"restartPolicy": "Never", "containers": containers}
    if inits:
        pod["initContainers"] = inits
    volumes = _volumes([*inits, *containers], template, spec, request.scope)
    if volumes:
        pod["volumes"] = volumes
    for field in _TEMPLATE_FIRST:
        value = template.get(field) if template.get(field) is not None else spec.get(field)
        if value is not None:
            pod[field] = thaw(value)
    for field in _WORKFLOW_ONLY:
        if spec.get(field) is not None:
            pod[field] = thaw(spec[field])
    selector = template.get("nodeSelector") or spec.get("nodeSelector")
    if selector:
        pod["nodeSelector"] = thaw(selector)
    tolerations = template.get("tolerations") or spec.get("tolerations")
    if tolerations:
        pod["tolerations"] = thaw(tolerations)
    if request.active_deadline_s is not None:
        pod["activeDeadlineSeconds"] = request.active_deadline_s
    if request.avoided_hosts:
        pod["affinity"] = _avoiding(pod.get("affinity") or {}, request.avoided_hosts)
    substituted: dict[str, Any] = substitute(pod, request.scope)
    return substituted


def main_container(template: Mapping[str, Any]) -> dict[str, Any]:
    """The container `main` of a container or script template."""
    if "container" in template:
        container: dict[str, Any] = thaw(template["container"])
    else:
        container = thaw(template["script"])
        source = str(container.pop("source", ""))
        command = [str(part) for part in container.get("command") or ["sh"]]
        # Interpreters take a program text behind -c; the file that the real init container stages does not exist here.
        container["command"], container["args"] = command, ["-c", source]
    if container.get("name") not in {None, "", MAIN}:
        raise InvalidSpec(f"templates.{template.get('name')}.container.name '{container['name']}' has to be '{MAIN}'")
    return {"name": MAIN, **{key: value for key, value in container.items() if key != "name"}}


def _user_container(container: Mapping[str, Any], main: Mapping[str, Any]) -> dict[str, Any]:
    """An init container; with `mirrorVolumeMounts` it has the mounts of `main` besides its own."""
    result: dict[str, Any] = thaw(container)
    if result.pop("mirrorVolumeMounts", False):
        own = result.get("volumeMounts") or []
        result["volumeMounts"] = [*own, *(mount for mount in main.get("volumeMounts") or () if mount not in own)]
    return result


def _volumes(
    containers: list[dict[str, Any]], template: Mapping[str, Any], spec: Mapping[str, Any], scope: Scope
) -> list[dict[str, Any]]:
    known: dict[str, Any] = {}
    for volume in [*(spec.get("volumes") or ()), *(template.get("volumes") or ())]:
        known[str(volume["name"])] = volume
    mounted = [str(mount["name"]) for container in containers for mount in container.get("volumeMounts") or ()]
    for name in mounted:
        if name not in known:
            raise InvalidSpec(f"volume '{name}' not found in workflow spec")
    return [substitute(thaw(known[name]), scope) for name in dict.fromkeys(mounted)]


def _avoiding(affinity: Mapping[str, Any], hosts: tuple[str, ...]) -> dict[str, Any]:
    """`retryStrategy.affinity.nodeAntiAffinity`: not on the hosts of earlier attempts."""
    rule = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(hosts)}
    result: dict[str, Any] = thaw(affinity)
    required = result.setdefault("nodeAffinity", {}).setdefault("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = required.setdefault("nodeSelectorTerms", [{}])
    for term in terms:
        term.setdefault("matchExpressions", []).append(rule)
    return result
