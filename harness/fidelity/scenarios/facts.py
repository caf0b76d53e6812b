"""What a world came to, as flat facts that can be compared with another target's: nothing in it is named by chance or timed by a machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from harness.clock import SECOND, Record
from harness.kube.errors import NotFound
from harness.world.tasks import TaskRun
from harness.world.world import NAMESPACE, World

Facts = dict[str, str]
_GENERATED = re.compile(r"-[a-z0-9]{5}$")
_SHARD = re.compile(r"\.ome\.zarr/s\d+/c/")


@dataclass
class _Attempt:
    """One pod of a service: where it was, and how it ended."""

    service: str
    place: str = "nowhere"
    end: str = ""


@dataclass(frozen=True)
class WorldFacts:
    """`facts` by what they are about; `delays_s` are modelled ones, in the seconds that they stand for."""

    facts: Facts = field(default_factory=dict)
    delays_s: Mapping[str, float] = field(default_factory=dict)
    shorter: float = 1.0


def facts_of(world: World) -> WorldFacts:
    """What a world came to; it has to be open still. Any thread but the kernel's."""
    records = list(world.timeline)
    facts: Facts = {}
    facts.update(_of_workflows(records, world))
    facts.update(_of_jobs(records))
    facts.update(_of_pods(records))
    facts.update(_of_machines(world))
    facts.update(_of_shards(world.backend.kernel.call(world.backend.faults.stored_objects)))
    facts.update(_of_datasets(world))
    shorter = world.backend.settings.shorter or 1.0
    return WorldFacts(facts, {name: round(delay * shorter, 2) for name, delay in _delays(records).items()}, shorter)


def _of_workflows(records: Sequence[Record], world: World) -> Iterator[tuple[str, str]]:
    keys = dict.fromkeys(
        record.subject.removeprefix("Workflow/") for record in records if record.subject.startswith("Workflow/")
    )
    for number, key in enumerate(keys, 1):
        place = f"workflow {number}"
        ends = [record.kind for record in records if record.subject == f"Workflow/{key}" and not record.details]
        yield f"{place}: phase", ends[-1].removeprefix("Workflow") if ends else "none"
        try:
            tasks = world.tasks(key)
        except NotFound:
            continue  # the scenario deleted it
        for task in sorted(tasks, key=lambda task: task.name):
            yield from _of_task(f"{place}, task {task.name}", task)


def _of_task(place: str, task: TaskRun) -> Iterator[tuple[str, str]]:
    yield f"{place}: phase", task.phase
    yield f"{place}: attempts", str(task.attempts)
    yield f"{place}: placement", _place(task.node_group, task.capacity_type)


def _of_jobs(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    counts: dict[str, int] = {}
    for record in records:
        if record.subject.startswith(f"Job/{NAMESPACE}/") and record.kind in {"JobComplete", "JobFailed"}:
            name = _GENERATED.sub("", record.subject.rpartition("/")[2])
            counts[name] = counts.get(name, 0) + 1
            yield f"job {name} {counts[name]}: end", record.kind.removeprefix("Job")


def _of_pods(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Of each service its pods in the order of their creation: placements, and how each of them ended."""
    joined = {record.subject.removeprefix("Node/"): record.details for record in records if record.kind == "NodeJoined"}
    living: dict[str, _Attempt] = {}
    attempts: list[_Attempt] = []
    for record in records:
        if not record.subject.startswith(f"Pod/{NAMESPACE}/") or not record.kind.startswith("Pod"):
            continue
        if record.subject not in living:
            if "name" not in record.details:
                continue  # nobody's pod
            living[record.subject] = _Attempt(str(record.details["name"]))
            attempts.append(living[record.subject])
        _follow(living[record.subject], record, joined)
        if record.kind == "PodGone":
            del living[record.subject]  # Argo makes a lost pod again under its name
    for service in sorted({attempt.service for attempt in attempts}):
        mine = [attempt for attempt in attempts if attempt.service == service]
        yield f"pods of {service}: placements", ", ".join(attempt.place for attempt in mine)
        yield f"pods of {service}: ends", ", ".join(attempt.end or "none" for attempt in mine)


def _follow(attempt: _Attempt, record: Record, joined: Mapping[str, Mapping[str, str]]) -> None:
    where = joined.get(str(record.details.get("node")))
    if where is not None:
        attempt.place = _place(where.get("node_group"), where.get("capacity_type"))
    if record.kind in {"PodSucceeded", "PodFailed"}:
        words = [record.kind.removeprefix("Pod"), *map(str, record.details.get("exit_codes") or ())]
        attempt.end = " ".join([*words, str(record.details.get("reason") or "")]).strip()
    elif record.kind == "PodGone" and not attempt.end:
        attempt.end = "Gone"


def _of_machines(world: World) -> Iterator[tuple[str, str]]:
    for number, taken in enumerate(world.taken_instances(), 1):
        services = sorted({_service(pod) for pod in taken.pods})
        yield f"machine {number} taken: group", taken.node_group
        yield f"machine {number} taken: notice", f"{taken.notice_s} s"
        yield f"machine {number} taken: work on it", ", ".join(services) or "none"


def _service(pod: str) -> str:
    """Of the pod of a Job (`idr-x1x1x-y2y2y`) or of a Workflow (`em-pipeline-x1x1x-idr-123`)."""
    name = re.sub(r"^em-pipeline-[a-z0-9]{5}-", "", pod.rpartition("/")[2])
    return re.sub(r"(-[a-z0-9]{5}){1,2}$|-\d+$", "", name)


def _of_shards(stored: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Of each source how many shards there are, and how many were stored more than once: that work was lost."""
    times: dict[str, dict[str, int]] = {}
    for _pod, url in stored:
        if _SHARD.search(url):
            source = url.split("://", 1)[-1].split("/")[1]
            counts = times.setdefault(source, {})
            counts[url] = counts.get(url, 0) + 1
    for source, counts in sorted(times.items()):
        yield f"shards of {source}: stored", str(len(counts))
        yield f"shards of {source}: lost", str(sum(count - 1 for count in counts.values()))


def _of_datasets(world: World) -> Iterator[tuple[str, str]]:
    for dataset in world.datasets():
        name = dataset.stored.url.split("://", 1)[-1].partition("/")[2]
        yield f"data set {name}: digest", dataset.stored.digest


def _delays(records: Sequence[Record]) -> dict[str, float]:
    """What every target models: EC2's notice until it takes the machine (of several in a node group the median)."""
    warned: dict[str, int] = {}
    found: dict[str, list[float]] = {}
    for record in records:
        if record.kind == "SpotInterruptionWarning":
            warned[record.subject] = record.at_us
        elif record.kind == "InstanceShuttingDown" and record.subject in warned:
            name = f"notice until the machine goes, {record.details.get('group', '')}"
            found.setdefault(name, []).append((record.at_us - warned.pop(record.subject)) / SECOND)
    return {name: median(values) for name, values in sorted(found.items())}


def _place(node_group: str | None, capacity_type: str | None) -> str:
    return " ".join(word for word in (node_group, capacity_type) if word) or "nowhere"


__all__ = ["Facts", "WorldFacts", "facts_of"]
