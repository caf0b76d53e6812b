"""Volumes that a container mounts and nothing defines, and claims that no manifest makes: the pod is refused, or waits for ever."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.check.argo import workflows
from harness.check.finding import Finding
from harness.check.manifests import Manifest
from harness.check.model import Plan

NAME = "undefined-volume"
_OF_TEMPLATE = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for manifest in plan.manifests:
        spec = _pod_spec(manifest)
        if spec is not None:
            templates = manifest.spec.get("volumeClaimTemplates") or ()
            containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
            yield from _judge(plan, manifest, manifest.place, containers, spec.get("volumes") or (), templates)
    for workflow in workflows(plan):
        if not workflow.is_whole:
            continue
        claims = workflow.spec.get("volumeClaimTemplates") or ()
        for name, template in workflow.templates.items():
            main = template.get("container") or template.get("script")
            containers = [main] if main else list((template.get("containerSet") or {}).get("containers") or ())
            containers += [*(template.get("sidecars") or ()), *(template.get("initContainers") or ())]
            volumes = [*(workflow.spec.get("volumes") or ()), *(template.get("volumes") or ())]
            yield from _judge(plan, workflow.manifest, f"{workflow.manifest.place}/{name}", containers, volumes, claims)


def _pod_spec(manifest: Manifest) -> Mapping[str, Any] | None:
    if manifest.kind == "Pod":
        return manifest.spec
    job = ((manifest.spec.get("jobTemplate") or {}).get("spec") or {}) if manifest.kind == "CronJob" else manifest.spec
    if manifest.kind != "CronJob" and manifest.kind not in _OF_TEMPLATE:
        return None
    return (job.get("template") or {}).get("spec") or {}


def _judge(
    plan: Plan,
    manifest: Manifest,
    place: str,
    containers: Sequence[Mapping[str, Any]],
    volumes: Sequence[Mapping[str, Any]],
    claim_templates: Sequence[Mapping[str, Any]],
) -> Iterator[Finding]:
    defined = {str(v["name"]) for v in volumes} | {str(t["metadata"]["name"]) for t in claim_templates}
    mounted = [str(m["name"]) for c in containers for m in c.get("volumeMounts") or ()]
    for name in dict.fromkeys(mounted):
        if name not in defined:
            yield Finding(place, NAME, f"mounts the volume {name}, which is not defined: add it to volumes")
    made = {(m.namespace, m.name) for m in plan.of_kind("PersistentVolumeClaim")}
    for volume in volumes:
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if not isinstance(claim, str) or claim.startswith(("{{", "${")) or volume["name"] not in mounted:
            continue
        if (manifest.namespace, claim) not in made:
            yield Finding(
                place,
                NAME,
                f"uses the claim {claim}, which no manifest makes in its namespace: add the PersistentVolumeClaim",
            )
