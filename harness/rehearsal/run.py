"""`harness rehearse`: the whole move in one run.

Provision the templates, deploy the manifests, run the Workflow, take a spot instance away in the middle of a small loader, wait until the node groups are
empty again, compare every voxel with the archives, and write down what it took and what it would have cost.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.clock import SECOND, format_time
from harness.faults import OnKnock, OnRecord, ReclaimSpot
from harness.kube.objects import labels_of
from harness.kube.resources import NODES, WORKFLOWS
from harness.rehearsal.roadmap import Finding, checklist
from harness.report import Cost, CostLine, Dataset, Interruption, Result, Task, scale_text, write_report
from harness.targets.base import Settings, Workload
from harness.targets.choose import choose_target
from harness.targets.project import find_project
from harness.world.chronicle import NODE_GROUP
from harness.world.conditions import deployment_available, job_complete, nodes_in_group, workflow_succeeded
from harness.world.tasks import TaskRun
from harness.world.world import NAMESPACE, CheckedDataset, NotMet, World

CHUNK_SIZE_MB = 64  # at full size; it shrinks with the volumes
_INTERRUPTED = "flyem"
_AFTER_SHARDS = 3
_AFTER_CHECKPOINTS = 30  # of the 64 shards that the measured run wrote
_METADATA_BYTES_MAX = 200_000
SMALL_LOADERS = ("idr", "flyem", "ebi")


def rehearse(*, environment: str, scale: float, seed: int, workload: Workload, out: Path) -> int:
    """Run it and write the report; 0 when everything that was rehearsed held."""
    console = Console(highlight=False, soft_wrap=True)
    project = find_project(environment)
    project.check_fresh()
    console.print(
        f"rehearsing [bold]{environment}[/] on sim: seed {seed}, scale {scale_text(scale)}, {workload} workload"
    )
    begin = time.monotonic()
    settings = Settings(environment=environment, seed=seed, scale=scale, workload=workload)
    with World(choose_target("sim").open(project, settings)) as world:
        result = _Rehearsal(world, console).run(begin)
        replay = f"harness rehearse --env {environment} --scale {scale_text(scale)} --seed {seed} --workload {workload}"
        page = write_report(result, world.timeline, out, replay)
    _print(console, result, page)
    return 0 if result.passed else 1


class _Rehearsal:
    """One run; `findings` collects what each check says."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._console = console
        self._findings: dict[str, Finding] = {}
        self._problems: list[str] = []
        self._tasks: list[TaskRun] = []
        self._datasets: list[CheckedDataset] = []

    def run(self, begin: float) -> Result:
        """Everything, in order; a step that fails is a problem, and what depends on it is not counted as passed."""
        world = self._world
        started_us = world.now_us
        self._take(self._deploy, self._run_workflow, self._scale_down, self._look_at_data)
        finished_us, charges = world.now_us, world.bill()  # the bill is that of the Workflow
        if not self._problems:
            self._take(self._run_jobs)
        self._judge()
        self._find("bill", bool(charges), f"{len(charges)} lines, ${sum(charge.usd for charge in charges):.4f} in all")
        missing = [name for name in self._expected_findings() if name not in self._findings]
        for name in missing:
            self._findings[name] = Finding(None, "the run ended before it could be looked at")
        self._problems += [
            finding.because
            for name, finding in self._findings.items()
            if finding.passed is False and name not in missing
        ]
        not_repeatable = world.is_repeatable()
        settings = world.backend.settings
        return Result(
            passed=not self._problems,
            problems=tuple(self._problems),
            environment=settings.environment,
            target="sim",
            workload=settings.workload,
            seed=settings.seed,
            scale=settings.scale,
            repeatable=not not_repeatable,
            not_repeatable_because=tuple(not_repeatable),
            virtual_seconds=(finished_us - started_us) / SECOND,
            wall_seconds=round(time.monotonic() - begin, 3),
            tasks=tuple(_task(task) for task in self._tasks),
            interruptions=tuple(self._interruptions()),
            datasets=tuple(_dataset(one, world.backend.settings.workload) for one in self._datasets),
            cost=Cost(sum(charge.usd for charge in charges), tuple(CostLine(**asdict(charge)) for charge in charges)),
            coverage=world.backend.coverage(),
            roadmap=checklist(self._findings),
        )

    def _take(self, *steps: Callable[[], None]) -> None:
        """Take steps one after another; what follows on one that fails is not looked at."""
        for step in steps:
            try:
                step()
            except NotMet as error:
                self._problems.append(str(error))
                return

    def _deploy(self) -> None:
        world = self._world
        coverage = world.backend.coverage()["counts"]
        counts = ", ".join(f"{count} {name}" for name, count in coverage.items())
        self._find("provisioned", True, f"every resource read back as the templates ask: {counts}")
        world.deploy()
        for key in ("kube-system/cluster-autoscaler", "argo/workflow-controller"):
            world.wait(deployment_available(key), timeout_s=1800)
        self._say("platform", "templates provisioned, manifests applied, autoscaler and Argo controller run")

    def _run_workflow(self) -> None:
        world = self._world
        chunk_size_mb = max(1, round(CHUNK_SIZE_MB * world.backend.settings.scale))
        pods = f"{NAMESPACE}/*-{_INTERRUPTED}-*"
        after_shards = (
            OnKnock("PutObject", pod=pods, target="*/s0/c/*", count=_AFTER_SHARDS)
            if world.backend.settings.workload == "real"
            else OnRecord("CheckpointPassed", subject=f"work/{_INTERRUPTED}", count=_AFTER_CHECKPOINTS)
        )
        interruption = world.inject(ReclaimSpot(pods), after_shards)
        workflow = world.submit_workflow(chunk_size_mb=str(chunk_size_mb))
        try:
            world.wait(workflow_succeeded(workflow))
        finally:
            self._tasks = world.tasks(workflow)
            status: Mapping[str, Any] = world.get(WORKFLOWS, workflow).get("status") or {}
            phase = status.get("phase", "not looked at")
            attempts = sum(task.attempts for task in self._tasks)
            self._find(
                "workflow", phase == "Succeeded", f"Workflow {phase}: {len(self._tasks)} tasks in {attempts} attempts"
            )
        lost = [task for task in self._tasks if task.name == _INTERRUPTED and task.attempts > 1]
        self._find(
            "interruption",
            bool(interruption.struck and lost),
            f"the spot instance under {_INTERRUPTED} was reclaimed after {after_shards.count} shards and the task resumed"
            if interruption.struck and lost
            else f"no interruption of {_INTERRUPTED} that cost an attempt took place",
        )
        self._say("workflow", f"{workflow} Succeeded after an interruption")

    def _scale_down(self) -> None:
        world = self._world
        groups = {
            str(group["nodegroupName"]): group["scalingConfig"]["minSize"] for group in world.backend.node_groups()
        }
        for group, minimum in groups.items():
            world.wait(nodes_in_group(group, minimum), timeout_s=3600)
        self._find("scaled_down", True, "every node group is back at its minimum")
        self._say("autoscaling", "node groups are back at their minimum")

    def _look_at_data(self) -> None:
        world = self._world
        real = world.backend.settings.workload == "real"
        self._datasets = world.datasets(compare=real) if real else []
        different = [one.difference for one in self._datasets if one.difference is not None]
        if not real:
            self._find("datasets", None, "a recorded workload writes no data")
            self._find("records", None, "a recorded workload writes no records")
            return
        expected = {*SMALL_LOADERS, "epfl", "openorganelle"}
        found = {one.stored.source for one in self._datasets}
        whole = found == expected and not different
        because = (
            different[0] if different else f"{len(found)} of {len(expected)} data sets, every voxel equal to its source"
        )
        self._find("datasets", whole, str(because))
        records = sorted(world.backend.shared_directory().glob("records/*/*.json"))
        catalogue = world.backend.shared_directory() / "catalogue" / "catalog.json"
        self._find(
            "records",
            len(records) == len(expected) and catalogue.is_file(),
            f"{len(records)} records and {'a' if catalogue.is_file() else 'no'} catalogue on the shared file system",
        )
        self._say("data", str(because))

    def _run_jobs(self) -> None:
        """The same services as Jobs: everything is there already, so they must end well without reading it again."""
        world = self._world
        real = world.backend.settings.workload == "real"
        before = world.backend.sink_objects()
        asked = len(world.backend.archive_requests())
        for service in (*SMALL_LOADERS, "epfl", "openorganelle", "consolidate"):
            world.wait(job_complete(world.run_job(service)))
        read_bytes = sum(request.size_bytes for request in world.backend.archive_requests()[asked:])
        same = world.backend.sink_objects() == before
        words = "the six Jobs completed"
        if real:
            words += f"; a second ingest changed {'nothing' if same else 'the data'} and read {read_bytes:,} bytes"
        self._find("jobs", same and read_bytes < _METADATA_BYTES_MAX, words)
        self._say("jobs", words)

    def _judge(self) -> None:
        """What the timeline and the cluster show."""
        world = self._world
        joined = {record.details.get("node_group") for record in world.timeline.of_kind("NodeJoined")}
        groups = {str(group["nodegroupName"]) for group in world.backend.node_groups()}
        labelled = all(NODE_GROUP in labels_of(node) for node in world.objects(NODES))
        self._find(
            "node_groups",
            groups <= joined and labelled,
            f"nodes of {len(groups & joined)} of {len(groups)} node groups joined",
        )
        ups = world.timeline.of_kind("TriggeredScaleUp")
        self._find("scaled_up", bool(ups), f"the autoscaler brought nodes up {len(ups)} times")
        failed = world.timeline.of_kind("ErrImagePull")
        self._find(
            "images",
            not failed,
            "every image that a pod asked for is in its repository" if not failed else "an image is missing",
        )
        with contextlib.suppress(StopIteration):
            epfl = next(task for task in self._tasks if task.name == "epfl")
            small = [task for task in self._tasks if task.name in SMALL_LOADERS and task.started and epfl.finished]
            overlapped = any(
                str(task.started) < str(epfl.finished) and str(task.finished) > str(epfl.started) for task in small
            )
            self._find(
                "overlap",
                overlapped,
                "EPFL ran beside the small loaders" if overlapped else "EPFL did not overlap the small loaders",
            )

    def _interruptions(self) -> list[Interruption]:
        by_pod = {pod: task.name for task in self._tasks for pod in task.pods}
        return [
            Interruption(
                at=format_time(taken.at_us),
                instance=taken.instance,
                node=taken.node,
                node_group=taken.node_group,
                notice_seconds=taken.notice_s,
                tasks=tuple(by_pod.get(pod.rpartition("/")[2], pod) for pod in taken.pods),
                lost_seconds=taken.lost_s,
            )
            for taken in self._world.taken_instances()
        ]

    def _find(self, name: str, passed: bool | None, because: str) -> None:
        self._findings[name] = Finding(passed, because)

    def _say(self, what: str, words: str) -> None:
        self._console.print(f"  [green]ok[/] {what:<12} {words}  [dim]({format_time(self._world.now_us)})[/]")

    @staticmethod
    def _expected_findings() -> tuple[str, ...]:
        return (
            "provisioned",
            "images",
            "node_groups",
            "workflow",
            "overlap",
            "datasets",
            "records",
            "scaled_up",
            "scaled_down",
            "interruption",
            "jobs",
            "bill",
        )


def _task(task: TaskRun) -> Task:
    values = asdict(task)
    del values["pods"]
    return Task(**values)


def _dataset(checked: CheckedDataset, workload: Workload) -> Dataset:
    shape, dtype = checked.stored.describe()
    return Dataset(
        name=checked.stored.source,
        url=checked.stored.url,
        digest=checked.stored.digest,
        shape=shape,
        dtype=dtype,
        levels=len(checked.stored.level_paths),
        verified=workload == "real" and checked.difference is None,
    )


def _print(console: Console, result: Result, page: Path) -> None:
    marks = {"passed": "[green]x[/]", "failed": "[red]![/]", "not rehearsed": " "}
    for phase in dict.fromkeys(item.phase for item in result.roadmap):
        console.print(f"\n[bold]{phase}[/]")
        for item in result.roadmap:
            if item.phase == phase:
                console.print(f"  \\[{marks[item.state]}] {item.item}  [dim]{item.because}[/]")
    for problem in result.problems:
        console.print(f"[red]problem:[/] {problem}", markup=True)
    virtual = int(result.virtual_seconds)
    console.print(
        f"\n{'[green]passed[/]' if result.passed else '[red]failed[/]'} in {result.wall_seconds:.1f} s: "
        f"{virtual // 3600}:{virtual % 3600 // 60:02d}:{virtual % 60:02d} of the cluster's time, "
        f"{len(result.datasets)} data sets, {len(result.interruptions)} interruption(s), it would have cost ${result.cost.total_usd:.4f}"
    )
    if not result.repeatable:
        console.print(f"[yellow]not repeatable:[/] {'; '.join(result.not_repeatable_because)}")
    console.print(f"report: {page}")
