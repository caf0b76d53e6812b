"""What a scenario can wait for: named questions to the cluster that answer in words, and that know when they can never be met."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.kube.client import Reader
from harness.kube.objects import is_deleting, is_true, key_of, labels_of, name_of, split_key
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, DEPLOYMENTS, JOBS, NODES, PODS, WORKFLOWS
from harness.world.chronicle import NODE_GROUP


@dataclass(frozen=True)
class Seen:
    """An answer: whether it is met, what was seen, and whether it can never be met any more."""

    met: bool
    words: str
    hopeless: bool = False


@dataclass(frozen=True)
class Condition:
    """A question with a name."""

    name: str
    look: Callable[[Reader], Seen]


def definition_served(name: str) -> Condition:
    """The objects of the CustomResourceDefinition `name` can be created."""

    def look(reader: Reader) -> Seen:
        definition = reader.get(CUSTOM_RESOURCE_DEFINITIONS, None, name)
        if definition is None:
            return Seen(False, "it does not exist")
        return Seen(
            is_true(definition, "Established"), "established" if is_true(definition, "Established") else "not yet"
        )

    return Condition(f"definition {name} served", look)


def workflow_succeeded(key: str) -> Condition:
    """The Workflow `namespace/name` ends Succeeded."""

    def look(reader: Reader) -> Seen:
        workflow = reader.get(WORKFLOWS, *split_key(key))
        if workflow is None:
            return Seen(False, "it does not exist", hopeless=True)
        status: dict[str, Any] = workflow.get("status") or {}
        phase = status.get("phase") or "not looked at yet"
        return Seen(phase == "Succeeded", f"{phase} {status.get('message', '')}".strip(), phase in {"Failed", "Error"})

    return Condition(f"workflow {key} succeeded", look)


def workflow_finished(key: str) -> Condition:
    """The Workflow `namespace/name` ends, in whatever phase."""

    def look(reader: Reader) -> Seen:
        workflow = reader.get(WORKFLOWS, *split_key(key))
        phase = ((workflow or {}).get("status") or {}).get("phase") or "not looked at yet"
        return Seen(phase in {"Succeeded", "Failed", "Error"}, phase, workflow is None)

    return Condition(f"workflow {key} finished", look)


def job_complete(key: str) -> Condition:
    """The Job `namespace/name` is Complete."""

    def look(reader: Reader) -> Seen:
        job = reader.get(JOBS, *split_key(key))
        if job is None:
            return Seen(False, "it does not exist", hopeless=True)
        status = {
            name: value
            for name, value in (job.get("status") or {}).items()
            if name in {"active", "succeeded", "failed"}
        }
        return Seen(is_true(job, "Complete"), str(status), is_true(job, "Failed"))

    return Condition(f"job {key} complete", look)


def deployment_available(key: str) -> Condition:
    """The Deployment `namespace/name` has every replica available."""

    def look(reader: Reader) -> Seen:
        deployment = reader.get(DEPLOYMENTS, *split_key(key))
        if deployment is None:
            return Seen(False, "it does not exist", hopeless=True)
        wanted = deployment["spec"].get("replicas", 1)
        available = (deployment.get("status") or {}).get("availableReplicas", 0)
        return Seen(available >= wanted, f"{available} of {wanted} replicas available")

    return Condition(f"deployment {key} available", look)


def pod_phase(pattern: str, phase: str) -> Condition:
    """Some pod whose `namespace/name` matches the glob `pattern` is in `phase`."""

    def look(reader: Reader) -> Seen:
        phases = {
            key_of(pod): (pod.get("status") or {}).get("phase")
            for pod in reader.list(PODS)
            if fnmatch.fnmatchcase(key_of(pod), pattern) and not is_deleting(pod)
        }
        return Seen(phase in phases.values(), str(phases) if phases else "no such pod")

    return Condition(f"a pod {pattern} is {phase}", look)


def node_gone(name: str) -> Condition:
    """There is no Node of that name any more."""

    def look(reader: Reader) -> Seen:
        node = reader.get(NODES, None, name)
        return Seen(node is None, "it is gone" if node is None else "it is still there")

    return Condition(f"node {name} gone", look)


def nodes_in_group(group: str, count: int) -> Condition:
    """Exactly `count` nodes of the node group whose name matches the glob `group` exist and are Ready."""

    def look(reader: Reader) -> Seen:
        nodes = [node for node in reader.list(NODES) if fnmatch.fnmatchcase(labels_of(node).get(NODE_GROUP, ""), group)]
        states = {name_of(node): "Ready" if is_true(node, "Ready") else "NotReady" for node in nodes}
        return Seen(len(nodes) == count and set(states.values()) <= {"Ready"}, str(states) if states else "no node")

    return Condition(f"{count} Ready nodes in {group}", look)
