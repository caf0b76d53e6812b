"""The pods that rendered objects lead to, in one shape, whoever makes them: a Deployment, a Job, or Argo from a template of a Workflow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from infra.gate.rendered import Manifest, Rendered
from infra.node_pools import Requests

_MEMORY_UNITS_MI = {"Mi": 1, "Gi": 1024}


@dataclass(frozen=True, kw_only=True)
class Pod:
    """What placing and running a pod depends on."""

    place: str
    namespace: str
    service_account: str | None
    images: tuple[str, ...]
    node_selector: dict[str, str]
    tolerations: tuple[dict[str, Any], ...]
    requests: Requests


def pods(rendered: Rendered) -> list[Pod]:
    """Every pod, in the order of the files."""
    executor = _executor_requests(rendered)
    found: list[Pod] = []
    for manifest in rendered.manifests:
        if manifest.kind in ("Deployment", "Job"):
            found.append(_pod(manifest, manifest.place, manifest.object["spec"]["template"]["spec"]))
        elif manifest.kind == "Workflow":
            found.extend(_workflow_pods(manifest, executor))
    return found


def requests_of(container: dict[str, Any]) -> Requests:
    """A container's requests; one that it does not name counts as nothing, as it does for the scheduler."""
    requests = container.get("resources", {}).get("requests", {})
    return Requests(cpu_m=_cpu_m(requests.get("cpu", "0m")), memory_mi=_memory_mi(requests.get("memory", "0Mi")))


def _pod(manifest: Manifest, place: str, spec: dict[str, Any]) -> Pod:
    containers = spec["containers"]
    requests = Requests(cpu_m=0, memory_mi=0)
    for container in containers:
        requests += requests_of(container)
    return Pod(
        place=place,
        namespace=manifest.namespace,
        service_account=spec.get("serviceAccountName"),
        images=tuple(container["image"] for container in containers),
        node_selector=spec.get("nodeSelector", {}),
        tolerations=tuple(spec.get("tolerations", ())),
        requests=requests,
    )


def _workflow_pods(workflow: Manifest, executor: Requests) -> Iterator[Pod]:
    """One pod a container template; Argo adds its executor, and the workflow's account where a template names none."""
    spec = workflow.object["spec"]
    for template in spec["templates"]:
        if "container" not in template:
            continue
        container = template["container"]
        yield Pod(
            place=f"{workflow.place}/{template['name']}",
            namespace=workflow.namespace,
            service_account=template.get("serviceAccountName", spec.get("serviceAccountName")),
            images=(container["image"],),
            node_selector=template.get("nodeSelector", spec.get("nodeSelector", {})),
            tolerations=tuple(template.get("tolerations", spec.get("tolerations", ()))),
            requests=requests_of(container) + executor,
        )


def _executor_requests(rendered: Rendered) -> Requests:
    for manifest in rendered.of_kind("ConfigMap"):
        if "executor" in manifest.object.get("data", {}):
            return requests_of(yaml.safe_load(manifest.object["data"]["executor"]))
    return Requests(cpu_m=0, memory_mi=0)


def _cpu_m(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(quantity) * 1000


def _memory_mi(quantity: str) -> int:
    return int(quantity[:-2]) * _MEMORY_UNITS_MI[quantity[-2:]]
