"""Rules between manifests and templates: every name that a manifest uses exists on the other side, and every pod has a node to run on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.gate.pods import Pod, pods
from infra.gate.rendered import Rendered, Resource
from infra.instance_types import ALLOCATABLE, left_for_pods
from infra.outputs import Output, placeholders
from infra.platform.addons import ADDON_ACCOUNTS

UPSTREAM_IMAGES = ("registry.k8s.io/autoscaling/", "quay.io/argoproj/")
_OWN_IMAGE = re.compile(re.escape(Output.REGISTRY_URI.placeholder) + r"/(?P<repository>[^:]+):(?P<tag>.+)")
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute"}


def manifest_findings(rendered: Rendered) -> Iterator[str]:
    yield from _placeholders(rendered)
    yield from _identities(rendered)
    repositories = {r.properties["RepositoryName"] for r in rendered.of_type("AWS::ECR::Repository")}
    groups = list(rendered.of_type("AWS::EKS::Nodegroup"))
    accounts = {(m.namespace, m.name) for m in rendered.of_kind("ServiceAccount")}
    for pod in pods(rendered):
        yield from _images(pod, repositories)
        yield from _placement(pod, groups)
        if pod.service_account is None:
            yield f"{pod.place}: no serviceAccountName, so no role: name one"
        elif (pod.namespace, pod.service_account) not in accounts:
            yield f"{pod.place}: service account {pod.namespace}/{pod.service_account} is in no manifest, add it"


def _placeholders(rendered: Rendered) -> Iterator[str]:
    for name, text in rendered.texts.items():
        if name.endswith(".yaml"):
            for key in placeholders(text):
                if key not in rendered.outputs:
                    yield f"{name}: ${{{key}}} is the output of no stack, export it or correct the name"


def _identities(rendered: Rendered) -> Iterator[str]:
    """An association whose account does not exist gives its role to nobody, without any error."""
    accounts = {(m.namespace, m.name) for m in rendered.of_kind("ServiceAccount")} | set(ADDON_ACCOUNTS)
    for association in rendered.of_type("AWS::EKS::PodIdentityAssociation"):
        bound = (association.properties["Namespace"], association.properties["ServiceAccount"])
        if bound not in accounts:
            yield f"{association.place}: service account {'/'.join(bound)} is in no manifest and of no add-on, add it"


def _images(pod: Pod, repositories: set[str]) -> Iterator[str]:
    for image in pod.images:
        own = _OWN_IMAGE.fullmatch(image)
        if own is not None and own["repository"] not in repositories:
            yield f"{pod.place}: image {image} has no repository in the registry stack, add {own['repository']}"
        if own is None and not image.startswith(UPSTREAM_IMAGES):
            yield f"{pod.place}: image {image} is neither ours nor of {', '.join(UPSTREAM_IMAGES)}: mirror it or list it"


def _placement(pod: Pod, groups: list[Resource]) -> Iterator[str]:
    """A node group whose labels the pod selects, whose taints it tolerates, and of whose types every one has room."""
    selected = [g for g in groups if pod.node_selector.items() <= g.properties.get("Labels", {}).items()]
    if not pod.node_selector or not selected:
        yield f"{pod.place}: nodeSelector {pod.node_selector} matches no node group, select the label of one"
        return
    for group in selected:
        for taint in group.properties.get("Taints", []):
            if not any(_tolerates(toleration, taint) for toleration in pod.tolerations):
                yield f"{pod.place}: does not tolerate taint {taint['Key']}={taint['Value']} of {group.place}, add a toleration"
        for instance_type in group.properties["InstanceTypes"]:
            yield from _room(pod, instance_type)


def _tolerates(toleration: dict[str, str], taint: dict[str, str]) -> bool:
    if toleration.get("effect") not in (None, _EFFECTS.get(taint["Effect"])):
        return False
    if toleration.get("key") not in (None, taint["Key"]):
        return False
    return toleration.get("operator", "Equal") == "Exists" or toleration.get("value", "") == taint["Value"]


def _room(pod: Pod, instance_type: str) -> Iterator[str]:
    if instance_type not in ALLOCATABLE:
        yield f"{pod.place}: the allocatable size of {instance_type} is unknown, add it to infra/instance_types.py"
        return
    left = left_for_pods(instance_type)
    if pod.requests.cpu_m > left.cpu_m:
        yield f"{pod.place}: requests {pod.requests.cpu_m}m cpu, a {instance_type} leaves {left.cpu_m}m: request less"
    if pod.requests.memory_mi > left.memory_mi:
        yield f"{pod.place}: requests {pod.requests.memory_mi}Mi, a {instance_type} leaves {left.memory_mi}Mi: request less"
