"""What a scenario holds: deploy, submit, wait, break, look. Time moves only inside `wait`, `advance` and what is built on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import yaml

from harness.clock import SECOND, Outcome, Timeline, format_time, seconds
from harness.faults import Fault, Handle, Injector, Trigger
from harness.kube.errors import NotFound
from harness.kube.objects import Object, key_of, labels_of, name_of, namespace_of, split_key, thaw
from harness.kube.resources import (
    BUILT_IN,
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    PODS,
    WORKFLOW_TEMPLATES,
    WORKFLOWS,
    Resource,
)
from harness.targets.base import Backend, Charge, TakenInstance
from harness.world.chronicle import Chronicle
from harness.world.conditions import Condition, Seen, definition_served
from harness.world.datasets import StoredDataset, differs_from, split_datasets
from harness.world.tasks import TaskRun, task_runs

T = TypeVar("T")

NAMESPACE = "em-pipeline"
_RESOURCES = {(r.api_version, r.kind): r for r in (*BUILT_IN, WORKFLOWS, WORKFLOW_TEMPLATES)}
_EXCERPT = 25
_FAILED_LOGS = 3
_LOG_LINES = 5
_SEEN_LIMIT_S = 30


class NotMet(AssertionError):
    """A wait that ended without what it waited for; the message has what was last seen and the timeline before it."""


@dataclass(frozen=True)
class CheckedDataset:
    """A data set of the sink and, if it was compared, how it differs from the source."""

    stored: StoredDataset
    difference: str | None


class World:
    """One world on one target. Methods may be called from any thread but the kernel's."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.closed = False
        self.timeline: Timeline = backend.timeline
        self._injector = Injector(backend.kernel, backend.timeline, backend.faults)
        self._chronicle = Chronicle(backend.reader, backend.timeline)
        self._on_kernel(self._chronicle.start)

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything of this world. Harmless twice."""
        if not self.closed:
            self.closed = True
            self.backend.close()

    # Time

    @property
    def now_us(self) -> int:
        """The present virtual moment."""
        return self.backend.kernel.call(lambda: self.backend.kernel.now)

    def wait(self, condition: Condition, *, timeout_s: float = 6 * 3600) -> None:
        """Let time move until the condition holds. Raises NotMet at the timeout, or as soon as it can never hold."""
        last = Seen(False, "nothing yet")

        def look() -> bool:
            nonlocal last
            last = condition.look(self.backend.reader)
            return last.met or last.hopeless

        outcome = self.backend.kernel.wait(look, seconds(timeout_s))
        if not last.met:
            ended = "it can never hold" if last.hopeless else outcome.value
            raise NotMet(f"waited for: {condition.name}\nended: {ended}\nlast seen: {last.words}\n{self.excerpt()}")

    def advance(self, duration_s: float) -> None:
        """Let so many seconds pass."""
        kernel = self.backend.kernel

        def plan() -> int:
            target = kernel.now + seconds(duration_s)
            kernel.at(target, lambda: None)
            return target

        target = kernel.call(plan)
        outcome = kernel.wait(lambda: kernel.now >= target, seconds(duration_s) + SECOND)
        if outcome is not Outcome.MET:
            raise NotMet(f"{duration_s:g} s did not pass: {outcome.value}")

    def excerpt(self) -> str:
        """The end of the timeline and of the failed pods' logs, for messages."""
        return "\n".join([self._latest_records(), *self._failed_logs()])

    def _failed_logs(self) -> list[str]:
        tails = []
        for record in self.timeline.of_kind("PodFailed")[-_FAILED_LOGS:]:
            namespace, pod = record.subject.removeprefix("Pod/").split("/", 1)
            log = self._on_kernel(lambda namespace=namespace, pod=pod: self.backend.pod_log(namespace, pod, "main"))  # type: ignore[misc]
            lines = log.strip().splitlines()[-_LOG_LINES:]
            tails.append("\n".join([f"  log of {namespace}/{pod}:", *(f"    {line}" for line in lines)]))
        return tails

    def _latest_records(self) -> str:
        """The latest records, of a run of alike ones only the last."""
        records = list(self.timeline)
        telling = [
            record
            for record, following in itertools.zip_longest(records, records[1:])
            if following is None or (record.kind, record.subject) != (following.kind, following.subject)
        ]
        return "\n".join(
            f"  {format_time(record.at_us)} {record.kind} {record.subject} {record.details}"
            for record in telling[-_EXCERPT:]
        )

    # Acting

    def apply(self, documents: Collection[Mapping[str, Any]]) -> list[str]:
        """Create each document, or replace the object of its name; the keys."""
        return [key_of(self._on_kernel(lambda document=document: self._apply(document))) for document in documents]  # type: ignore[misc]

    def deploy(self, *, without: Collection[str] = ()) -> None:
        """Push the images and apply the rendered platform and access manifests, but those files whose name contains one of `without`.

        Jobs and the Workflow are not started: see `run_job` and `submit_workflow`.
        """
        self.backend.publish_images(self.image_tag())
        for group in ("platform", "workloads"):
            for file, documents in self.backend.manifests(group).items():
                if any(part in file for part in without) or _is_run(documents):
                    continue
                self.apply(documents)
                for document in documents:
                    if document["kind"] == CUSTOM_RESOURCE_DEFINITIONS.kind:
                        self.wait(definition_served(name_of(document)), timeout_s=60)
        if "argo-crds" not in without:
            self._on_kernel(self._chronicle.follow_workflows)
            self._on_kernel(self.backend.workflows_established)

    def write_manifests(self, directory: Path) -> None:
        """The rendered manifests with the stacks' outputs filled in, as files for kubectl."""
        for group in ("platform", "workloads"):
            for file, documents in self.backend.manifests(group).items():
                path = directory / group / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(yaml.safe_dump_all(documents, sort_keys=False))

    def image_tag(self) -> str:
        """The tag that the rendered Workflow asks for."""
        workflow = self.backend.manifests("workloads")["workflow.yaml"][0]
        tags = [p["value"] for p in workflow["spec"]["arguments"]["parameters"] if p["name"] == "image-tag"]
        return str(tags[0])

    def submit_workflow(self, **parameters: str) -> str:
        """Create the rendered Workflow, with parameters as in `argo submit -p` (underscores for dashes); its key."""
        workflow = thaw(self.backend.manifests("workloads")["workflow.yaml"][0])
        wanted = {name.replace("_", "-"): value for name, value in parameters.items()}
        declared = workflow["spec"]["arguments"]["parameters"]
        unknown = wanted.keys() - {parameter["name"] for parameter in declared}
        if unknown:
            raise ValueError(f"the rendered Workflow has no parameter {', '.join(sorted(unknown))}")
        for parameter in declared:
            parameter["value"] = wanted.get(parameter["name"], parameter["value"])
        return self.create(workflow)

    def run_job(self, service: str, **environment: str) -> str:
        """Create the rendered Job of a service, with other values for some of its environment; its key."""
        job = thaw(self.backend.manifests("workloads")[f"jobs/{service}.yaml"][0])
        for container in job["spec"]["template"]["spec"]["containers"]:
            for entry in container.get("env") or ():
                entry["value"] = environment.get(entry["name"], entry.get("value"))
        return self.create(job)

    def create(self, document: Mapping[str, Any]) -> str:
        """Create one object; its key."""
        resource = resource_of(document)
        key = key_of(self._on_kernel(lambda: self.backend.writer.create(resource, document)))
        self._until_seen(resource, key)
        return key

    def _until_seen(self, resource: Resource, key: str) -> None:
        """A cache may be behind its own writer, and nobody should ask about what it does not know yet."""

        def is_there() -> bool:
            return self.backend.reader.get(resource, *split_key(key)) is not None

        if not self._on_kernel(is_there):
            self.backend.kernel.wait(is_there, _SEEN_LIMIT_S * SECOND)

    def inject(self, fault: Fault, when: Trigger | None = None) -> Handle:
        """Install a fault."""
        return self._on_kernel(lambda: self._injector.install(fault, when))

    def idle_faults(self) -> list[str]:
        """Faults that never struck, or that armed a rule which never fired."""

        def look() -> list[str]:
            handles = [repr(handle.fault) for handle in self._injector.idle()]
            return [*handles, *self.backend.faults.unfired_rules()]

        return self._on_kernel(look)

    # Looking

    def get(self, resource: Resource, key: str) -> Object:
        """An object by `namespace/name`. Raises NotFound."""
        found = self._on_kernel(lambda: self.backend.reader.get(resource, *split_key(key)))
        if found is None:
            raise NotFound.of(resource, split_key(key)[1])
        return found

    def objects(self, resource: Resource, namespace: str | None = None) -> list[Object]:
        """All objects of a type."""
        return list(self._on_kernel(lambda: self.backend.reader.list(resource, namespace)))

    def pods(self, **labels: str) -> list[Object]:
        """The pipeline's pods with these values of `app.kubernetes.io/<key>` labels."""
        wanted = {f"app.kubernetes.io/{name.replace('_', '-')}": value for name, value in labels.items()}
        return [pod for pod in self.objects(PODS, NAMESPACE) if wanted.items() <= labels_of(pod).items()]

    def tasks(self, workflow: str) -> list[TaskRun]:
        """The tasks of a Workflow as its status and the timeline tell them."""
        return task_runs(self.get(WORKFLOWS, workflow), list(self.timeline))

    def datasets(self, *, compare: bool = False) -> list[CheckedDataset]:
        """The data sets in the sink; `compare` checks every voxel of the finest level against the archives."""
        stored = split_datasets(self.backend.sink_url(), self.backend.sink_objects())
        return [CheckedDataset(one, self._difference(one) if compare else None) for one in stored]

    def bill(self) -> list[Charge]:
        """What was used since the world began, priced."""
        return list(self.backend.bill())

    def taken_instances(self) -> list[TakenInstance]:
        """The machines that faults took."""
        return list(self._on_kernel(self.backend.faults.taken_instances))

    def is_repeatable(self) -> list[str]:
        """Why the same seed may not give the same events; empty when it does."""
        concurrent = self._on_kernel(lambda: list(self.backend.kernel.parties.concurrent))
        return [f"{party} had two transfers open at once" for party in concurrent]

    def _difference(self, dataset: StoredDataset) -> str | None:
        return differs_from(dataset, 0, self.backend.truth(dataset.source, dataset.attributes))

    def _apply(self, document: Mapping[str, Any]) -> Object:
        resource = resource_of(document)
        reader, writer = self.backend.reader, self.backend.writer
        if reader.get(resource, namespace_of(document), name_of(document)) is None:
            return writer.create(resource, document)
        if resource is NAMESPACES:
            return writer.patch(resource, None, name_of(document), dict(document))
        return writer.replace(resource, document)

    def _on_kernel(self, function: Callable[[], T]) -> T:
        return self.backend.kernel.call(function)


def resource_of(document: Mapping[str, Any]) -> Resource:
    """The resource type of a document. Raises ValueError for one that is not served."""
    identity = (str(document.get("apiVersion")), str(document.get("kind")))
    if identity not in _RESOURCES:
        raise ValueError(f"{identity[0]} {identity[1]} is not served by the embedded cluster")
    return _RESOURCES[identity]


def _is_run(documents: Collection[Mapping[str, Any]]) -> bool:
    """Whether a file holds a run (its name is generated) rather than something that stays."""
    return any("generateName" in document["metadata"] for document in documents)


__all__ = ["NAMESPACE", "CheckedDataset", "NotMet", "World", "resource_of"]
