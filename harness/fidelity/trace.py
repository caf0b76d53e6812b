"""A trace: what happens in a cluster, as data. docs/fidelity.md describes the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import yaml

from harness.clock import SECOND
from harness.fidelity.values import (
    Condition,
    Match,
    TraceError,
    allow,
    duration_us,
    kind_of,
    parse_condition,
    parse_match,
)

COMPONENTS = ("apiserver", "controller-manager", "scheduler")
VERBS = (
    "create", "replace", "patch", "scale", "delete", "evict", "bind", "wait", "metrics",
    "cordon", "uncordon", "taint", "untaint", "node-dies", "node-returns", "node-added",
)  # fmt: skip
_KEYS = {
    "shows", "flags", "isolation", "scheduling", "placement", "nodes", "kubelet", "begin", "steps", "end", "observe", "tolerance", "oracle",
}  # fmt: skip
_CAPACITY = {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "500Gi", "pods": "110"}


@dataclass(frozen=True)
class NodeSpec:
    """A fake node."""

    name: str
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, str]]
    capacity: Mapping[str, str]
    unschedulable: bool = False


@dataclass(frozen=True)
class PodRule:
    """What the fake kubelet does with the pods that match; the first rule that matches, and is not used up, is taken. Durations in microseconds."""

    match: Match
    index: int | None = None  # of an Indexed Job
    first: int | None = None  # only so many pods
    start_after_us: int = 0  # bound -> running
    ready_after_us: int = 0  # running -> ready
    never_ready: bool = False
    runs_for_us: int | None = None  # running -> ended; None: until it is stopped
    exit_codes: tuple[int, ...] = (0,)  # one a run (restartPolicy), the last for all that follow
    container_exit_codes: Mapping[str, int] | None = None
    reason: str = ""  # instead of Completed or Error
    pod_reason: str = ""  # status.reason, e.g. Evicted
    message: str = ""
    finished_ago_us: int = 0  # the kubelet says that it ended so long ago
    conditions: Sequence[Mapping[str, Any]] = ()  # set together with the end, e.g. DisruptionTarget
    restart_delay_us: int = 10 * SECOND
    stops_after_us: int = 0  # SIGTERM -> ended, at most the grace
    ignores_sigterm: bool = False
    stop_exit_code: int = 143


@dataclass(frozen=True)
class Step:
    """One thing done: at a moment since the start, or when a condition holds (and `plus_us` later)."""

    number: int
    verb: str
    body: Any
    at_us: int | None
    after: Condition | None
    plus_us: int
    within_us: int
    retry_us: int | None  # do it again after so long, until it is not refused any more


@dataclass(frozen=True)
class Tolerance:
    """By how much two moments may differ: seconds, a share, and how long a state may last that the other side never shows.

    Of events whose reason is in `once` only the first telling counts.
    """

    seconds: float = 1.5
    share: float = 0.03
    transient_s: float = 1.5
    once: tuple[str, ...] = ()
    because: str = ""

    def of(self, duration_s: float) -> float:
        """For a duration of so many seconds."""
        return self.seconds + self.share * duration_s


@dataclass(frozen=True)
class Observation:
    """Which fields of a kind's projection count (None: all), and which do not; `closely`: with what only a kubelet decides."""

    only: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    closely: bool = False


@dataclass(frozen=True)
class Begin:
    """When a trace's time starts: at the next whole second, at second `second` of a minute, or `plus_us` after an event was told of one of its nodes."""

    second: int | None = None
    event: str = ""
    plus_us: int = 0


@dataclass(frozen=True)
class Trace:
    """A whole trace. `name` is `area/name`."""

    name: str
    shows: str
    flags: Mapping[str, tuple[str, ...]]
    isolation: Literal["shared", "alone"]
    scheduling: Literal["driver", "default"]
    placement: Literal["class", "exact"]
    nodes: tuple[NodeSpec, ...]
    rules: tuple[PodRule, ...]
    begin: Begin
    steps: tuple[Step, ...]
    end: Step
    observe: Mapping[str, Observation]
    tolerance: Tolerance
    oracle: Literal["control-plane", "kind"]
    digest: str

    @property
    def feeds_metrics(self) -> bool:
        """Whether the metrics APIs are served while it plays."""
        return any(step.verb == "metrics" for step in self.steps)

    @property
    def namespace(self) -> str:
        """Where it plays."""
        return self.name.replace("/", "-").replace("_", "-").lower()


def read_traces(root: Path) -> list[Trace]:
    """All traces below a directory, by name. Raises TraceError."""
    return [read_trace(path, root) for path in sorted(root.glob("*/*.yaml"))]


def read_trace(path: Path, root: Path) -> Trace:
    """One trace. Raises TraceError, which names the file and the place."""
    name = path.relative_to(root).with_suffix("").as_posix()
    try:
        return parse_trace(name, yaml.safe_load(path.read_text()))
    except (TraceError, yaml.YAMLError) as error:
        raise TraceError(f"{path}: {error}") from error


def parse_trace(name: str, body: Mapping[str, Any]) -> Trace:
    """A trace from its document. Raises TraceError."""
    allow(body, _KEYS, "trace")
    if not isinstance(body.get("shows"), str):
        raise TraceError("shows: missing: say in one sentence what the trace shows")
    flags = body.get("flags") or {}
    allow(flags, set(COMPONENTS), "flags")
    steps = tuple(_step(number, entry) for number, entry in enumerate(body.get("steps") or (), 1))
    real_nodes = body.get("oracle") == "kind"
    if real_nodes and (body.get("nodes") or body.get("kubelet") or flags):
        raise TraceError("oracle: kind: such a trace plays on real nodes, take out nodes, kubelet and flags")
    scheduling = body.get("scheduling") or ("default" if body.get("nodes") or real_nodes else "driver")
    kinds = _created_kinds(steps)
    alone = (scheduling == "default" and not real_nodes) or "DaemonSet" in kinds
    return Trace(
        name=name,
        shows=body["shows"].strip(),
        flags={component: tuple(map(str, values)) for component, values in sorted(flags.items())},
        isolation=_choice(body, "isolation", ("shared", "alone"), "alone" if alone else "shared"),
        scheduling=_choice(body, "scheduling", ("driver", "default"), scheduling),
        placement=_choice(body, "placement", ("class", "exact"), "class"),
        nodes=() if real_nodes else tuple(_nodes(name, body.get("nodes"))),
        rules=tuple(_rule(entry, f"kubelet[{at}]") for at, entry in enumerate(body.get("kubelet") or ())),
        begin=_begin(body.get("begin") or {}),
        steps=steps,
        end=_end(body.get("end"), len(steps) + 1),
        observe=_observed(body.get("observe"), kinds, closely=real_nodes),
        tolerance=_tolerance(body.get("tolerance") or {}),
        oracle=_choice(body, "oracle", ("control-plane", "kind"), "control-plane"),
        digest=_digest(body),
    )


def _digest(body: Mapping[str, Any]) -> str:
    """Of all that decides what is recorded."""
    aside = {"shows", "tolerance", "observe", "placement"}
    played = {key: value for key, value in body.items() if key not in aside}
    text = orjson.dumps(played, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(text).hexdigest()[:16]


def _choice(body: Mapping[str, Any], key: str, choices: tuple[str, ...], default: str) -> Any:
    value = body.get(key, default)
    if value not in choices:
        raise TraceError(f"{key}: {value!r} is none of {', '.join(choices)}")
    return value


def _nodes(trace: str, entries: Any) -> Iterator[NodeSpec]:
    if not entries:
        yield NodeSpec(f"{trace.replace('/', '-')}-node", {}, (), _CAPACITY)
        return
    for at, entry in enumerate(entries):
        place = f"nodes[{at}]"
        allow(entry, {"name", "names", "labels", "zone", "taints", "capacity", "unschedulable"}, place)
        names = entry.get("names") or [entry.get("name")]
        labels = {str(key): str(value) for key, value in (entry.get("labels") or {}).items()}
        if zone := entry.get("zone"):
            labels["topology.kubernetes.io/zone"] = str(zone)
        capacity = {**_CAPACITY, **{str(key): str(value) for key, value in (entry.get("capacity") or {}).items()}}
        for name in names:
            if not isinstance(name, str):
                raise TraceError(f"{place}: a node needs a name")
            yield NodeSpec(name, labels, tuple(entry.get("taints") or ()), capacity, bool(entry.get("unschedulable")))


def node_of(trace: str, body: Any) -> list[NodeSpec]:
    """The nodes that a `node-added` step describes. Raises TraceError."""
    return list(_nodes(trace, [body]))


def _rule(entry: Mapping[str, Any], place: str) -> PodRule:
    durations = {
        "start_after": "start_after_us",
        "ready_after": "ready_after_us",
        "runs_for": "runs_for_us",
        "finished_ago": "finished_ago_us",
        "restart_delay": "restart_delay_us",
        "stops_after": "stops_after_us",
    }
    plain = {
        "index",
        "first",
        "reason",
        "pod_reason",
        "message",
        "conditions",
        "ignores_sigterm",
        "stop_exit_code",
        "never_ready",
    }
    allow(entry, {"match", "exit_code", "exit_codes", *durations, *plain}, place)
    values: dict[str, Any] = {key: entry[key] for key in plain if key in entry}
    for key, field in durations.items():
        if key in entry:
            values[field] = duration_us(entry[key], f"{place}.{key}")
    codes = entry.get("exit_codes", entry.get("exit_code", 0))
    if isinstance(codes, Mapping):
        values["container_exit_codes"] = dict(codes)
    else:
        values["exit_codes"] = tuple(codes) if isinstance(codes, list) else (int(codes),)
    match = entry.get("match") or {}
    allow(match, {"name", "labels", "where"}, f"{place}.match")
    return PodRule(match=parse_match(match), **values)


def _step(number: int, entry: Mapping[str, Any]) -> Step:
    place = f"steps[{number}]"
    allow(entry, {"at", "after", "plus", "within", "retry", *VERBS}, place)
    verbs = [verb for verb in VERBS if verb in entry]
    if len(verbs) != 1:
        raise TraceError(f"{place}: has {len(verbs)} verbs, give it one of {', '.join(VERBS)}")
    return Step(
        number=number,
        verb=verbs[0],
        body=entry[verbs[0]],
        at_us=duration_us(entry["at"], f"{place}.at") if "at" in entry else None,
        after=parse_condition(entry["after"], f"{place}.after") if "after" in entry else None,
        plus_us=duration_us(entry.get("plus", 0), f"{place}.plus"),
        within_us=duration_us(entry.get("within", 120), f"{place}.within"),
        retry_us=duration_us(entry["retry"], f"{place}.retry") if "retry" in entry else None,
    )


def _begin(body: Mapping[str, Any]) -> Begin:
    allow(body, {"second", "event", "plus"}, "begin")
    second = body.get("second")
    return Begin(
        second=None if second is None else int(second),
        event=str(body.get("event", "")),
        plus_us=duration_us(body.get("plus", 0), "begin.plus"),
    )


def _end(entry: Any, number: int) -> Step:
    if entry is None:
        raise TraceError("end: missing: write {at: 60s}, or {after: CONDITION, plus: 3s, within: 120s}")
    allow(entry, {"at", "after", "plus", "within"}, "end")
    return _step(number, {**entry, "wait": None})


def created_objects(step: Step) -> list[Mapping[str, Any]]:
    """What a `create` step creates."""
    if step.verb != "create":
        return []
    return step.body if isinstance(step.body, list) else [step.body]


def _created_kinds(steps: Sequence[Step]) -> list[str]:
    return list(dict.fromkeys(str(obj.get("kind")) for step in steps for obj in created_objects(step)))


_FOLLOWED = {
    "Deployment": ("ReplicaSet",),
    "CronJob": ("Job",),
    "Service": ("EndpointSlice",),
    "StatefulSet": ("ControllerRevision", "PersistentVolumeClaim"),
    "DaemonSet": ("ControllerRevision",),
}
_UNSEEN = {
    "ConfigMap",
    "Secret",
    "PriorityClass",
    "StorageClass",
    "ServiceAccount",
    "LimitRange",
    "Node",
    "CSIDriver",
    "CSINode",
}


def _observed(body: Any, created: Sequence[str], *, closely: bool) -> Mapping[str, Observation]:
    """`observe` as a list of kinds, or a mapping to fields; by default what is created, what follows from it, pods and events."""
    kinds: dict[str, Any] = {}
    for kind in created:
        if kind not in _UNSEEN:
            kinds |= dict.fromkeys((kind, *_FOLLOWED.get(kind, ())))
    kinds |= {"Pod": None, "Event": None}
    if isinstance(body, list):
        kinds = dict.fromkeys(body)
    elif body:
        allow(body, set(body), "observe")
        kinds |= body
    found: dict[str, Observation] = {}
    for kind, entry in kinds.items():
        if entry is False:
            continue
        if isinstance(entry, list):
            found[kind] = Observation(only=tuple(entry), closely=closely)
        elif isinstance(entry, Mapping):
            allow(entry, {"drop", "because"}, f"observe.{kind}")
            if not entry.get("because"):
                raise TraceError(f"observe.{kind}: say why fields are dropped: because: ...")
            found[kind] = Observation(drop=tuple(entry.get("drop") or ()), closely=closely)
        else:
            found[kind] = Observation(closely=closely)
        kind_of(kind, "observe")
    return found


def _tolerance(body: Mapping[str, Any]) -> Tolerance:
    allow(body, {"seconds", "share", "transient", "once", "because"}, "tolerance")
    if body and not body.get("because"):
        raise TraceError("tolerance: say why it differs from the default: because: ...")
    default = Tolerance()
    return Tolerance(
        seconds=float(body.get("seconds", default.seconds)),
        share=float(body.get("share", default.share)),
        transient_s=float(body.get("transient", default.transient_s)),
        once=tuple(map(str, body.get("once", ()))),
        because=str(body.get("because", "")),
    )
