"""Kubernetes objects of a plan, and the pods that they lead to, whoever makes them: a Deployment, a Job, or Argo from a template of a Workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from harness.check.reading import Unreadable
from harness.kube.quantity import milli, whole
from harness.kube.selectors import Requirement

WORKFLOW_KINDS = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
_TEMPLATED_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")
_LATER_FILLED = ("${", "{{")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One object of a manifest file."""

    path: str
    object: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.object.get("metadata") or {}

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or self.metadata.get("generateName") or "")

    @property
    def namespace(self) -> str:
        return str(self.metadata.get("namespace") or "")

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.object.get("spec") or {}

    @property
    def place(self) -> str:
        return f"{self.path}#{self.kind}/{self.name}"


@dataclass(frozen=True)
class Requests:
    """What a pod asks of a node."""

    cpu_m: int = 0
    memory_bytes: int = 0

    def __add__(self, other: Requests) -> Requests:
        return Requests(self.cpu_m + other.cpu_m, self.memory_bytes + other.memory_bytes)

    def most(self, other: Requests) -> Requests:
        return Requests(max(self.cpu_m, other.cpu_m), max(self.memory_bytes, other.memory_bytes))


@dataclass(frozen=True, kw_only=True)
class Pod:
    """What finding a node depends on; of `affinity`'s terms one has to match."""

    place: str
    kind: str
    namespace: str
    labels: Mapping[str, str]
    node_selector: Mapping[str, str]
    affinity: tuple[tuple[Requirement, ...], ...]
    tolerations: tuple[Mapping[str, Any], ...]
    requests: Requests
    containers: tuple[Mapping[str, Any], ...]


def is_manifest(content: Any) -> bool:
    return isinstance(content, Mapping) and isinstance(content.get("kind"), str) and "apiVersion" in content


def workflow_spec(manifest: Manifest) -> Mapping[str, Any]:
    """The WorkflowSpec of any of Argo's kinds."""
    spec = manifest.spec.get("workflowSpec", manifest.spec) if manifest.kind == "CronWorkflow" else manifest.spec
    return spec or {}


def pods_of(manifests: Sequence[Manifest]) -> tuple[Pod, ...]:
    """Every pod, in the order of the files."""
    executor = _executor_requests(manifests)
    found: list[Pod] = []
    for manifest in manifests:
        if manifest.kind == "Pod":
            found.append(_pod(manifest, manifest.spec, manifest.metadata))
        elif manifest.kind in _TEMPLATED_KINDS:
            template = manifest.spec.get("template") or {}
            found.append(_pod(manifest, template.get("spec") or {}, template.get("metadata") or {}))
        elif manifest.kind == "CronJob":
            template = ((manifest.spec.get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
            found.append(_pod(manifest, template.get("spec") or {}, template.get("metadata") or {}))
        elif manifest.kind in WORKFLOW_KINDS:
            found.extend(_workflow_pods(manifest, executor))
    return tuple(found)


def _pod(manifest: Manifest, spec: Mapping[str, Any], metadata: Mapping[str, Any]) -> Pod:
    return _make(manifest, manifest.place, spec, metadata, spec.get("containers") or (), Requests())


def _workflow_pods(manifest: Manifest, executor: Requests) -> Iterator[Pod]:
    """One pod a template with containers; Argo adds its executor, and what the workflow says where the template is silent."""
    spec = workflow_spec(manifest)
    for template in spec.get("templates") or ():
        main = template.get("container") or template.get("script")
        containers = [main] if main else (template.get("containerSet") or {}).get("containers") or []
        if not containers:
            continue
        merged = {
            key: template.get(key, spec.get(key)) for key in ("nodeSelector", "affinity", "tolerations", "podSpecPatch")
        }
        merged["initContainers"] = template.get("initContainers")
        shared = spec.get("podMetadata") or {}
        own = template.get("metadata") or {}
        labels = {**(shared.get("labels") or {}), **(own.get("labels") or {})}
        extra = [*containers, *(template.get("sidecars") or ())]
        yield _make(manifest, f"{manifest.place}/{template['name']}", merged, {"labels": labels}, extra, executor)


def _make(
    manifest: Manifest,
    place: str,
    spec: Mapping[str, Any],
    metadata: Mapping[str, Any],
    containers: Sequence[Mapping[str, Any]],
    extra: Requests,
) -> Pod:
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    inits = spec.get("initContainers") or ()
    running, at_once = extra, Requests()
    try:
        for container in (*containers, *(c for c in inits if c.get("restartPolicy") == "Always")):
            running += requests_of(container.get("resources") or {})
        for container in inits:
            at_once = at_once.most(requests_of(container.get("resources") or {}))
    except ValueError as error:
        raise Unreadable(f"{place}: {error}") from error
    return Pod(
        place=place,
        kind=manifest.kind,
        namespace=manifest.namespace,
        labels={str(k): str(v) for k, v in (metadata.get("labels") or {}).items()},
        node_selector={str(k): str(v) for k, v in (spec.get("nodeSelector") or {}).items()},
        affinity=tuple(
            tuple(
                Requirement(str(e["key"]), str(e["operator"]), tuple(map(str, e.get("values") or ())))
                for e in term.get("matchExpressions") or ()
            )
            for term in affinity.get("nodeSelectorTerms") or ()
        ),
        tolerations=tuple(spec.get("tolerations") or ()),
        requests=running.most(at_once),
        containers=(*containers, *inits),
    )


def requests_of(resources: Mapping[str, Any]) -> Requests:
    """A container's requests; a limit without a request is the request, and what is filled in later counts as nothing."""
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    cpu, memory = (str(asked.get(name, "0")) for name in ("cpu", "memory"))
    return Requests(
        cpu_m=0 if cpu.startswith(_LATER_FILLED) else milli(cpu),
        memory_bytes=0 if memory.startswith(_LATER_FILLED) else whole(memory),
    )


def _executor_requests(manifests: Sequence[Manifest]) -> Requests:
    """Of the container that the workflow controller adds to every pod, where its configuration says."""
    for manifest in manifests:
        executor = (manifest.object.get("data") or {}).get("executor") if manifest.kind == "ConfigMap" else None
        if isinstance(executor, str):
            return requests_of((yaml.safe_load(executor) or {}).get("resources") or {})
    return Requests()
