"""A recording: what a run showed, without what is random. Names that were generated become their owner and a number, nodes that are alike become one
name.

`canonical` makes it of a tape. On disk it is JSON: the first state of an object whole, then what changed (a merge patch), each with its moment in
seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from harness.clock import SECOND
from harness.fidelity.tape import Seen, Tape
from harness.fidelity.trace import NodeSpec, Trace

State = dict[str, Any]
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBERED_IN_TEXT = {
    "ReplicaSet",
    "Job",
    "ControllerRevision",
}  # few, one after another: their numbers may stand in a message
_ENDED = {"Succeeded", "Failed"}


@dataclass
class History:
    """One object: states (None: gone) and events by (type, reason, component, message), with moments in seconds."""

    group: str  # objects of one group that are numbered can stand for one another
    states: list[tuple[float, State | None]] = field(default_factory=list)
    events: dict[tuple[str, str, str, str], list[float]] = field(default_factory=dict)


@dataclass
class Recording:
    """One run of one trace."""

    about: dict[str, Any]
    answers: list[tuple[float, str, str]]
    objects: dict[str, History]
    end_s: float

    @property
    def digest(self) -> str:
        """Of the trace that was played."""
        return str(self.about.get("trace", ""))


def canonical(
    tape: Tape,
    trace: Trace,
    nodes: list[NodeSpec],
    end_us: int,
    about: Mapping[str, Any],
    real_nodes: Sequence[str] = (),
) -> Recording:
    """The recording of a tape. `real_nodes`, which no trace chose, are all called `{node}`."""
    keys, groups = _keys(tape)
    classes = {} if trace.placement == "exact" else node_classes(trace, nodes)
    classes |= dict.fromkeys(real_nodes, "{node}")
    say = _speaker(tape, trace, keys, groups, classes)
    objects: dict[str, History] = {}
    for seen in sorted(tape.seen.values(), key=lambda seen: seen.states[0][0]):
        history = objects.setdefault(keys[seen.uid], History(groups[seen.uid]))
        history.states += [(_seconds(moment), None if state is None else say(state)) for moment, state in seen.states]
    for told in tape.told.values():
        kind, name, uid = told.subject
        key = keys.get(uid) or say(f"{kind}/{name}")
        history = objects.setdefault(key, History(groups.get(uid, key)))
        moments = history.events.setdefault((told.kind, told.reason, told.component, say(told.message)), [])
        moments += [_seconds(moment) for moment in told.moments]
        moments.sort()
    if not real_nodes:
        objects |= _placements(tape, groups, classes)
    for history in objects.values():
        _merge_revisions(history)
    answers = [(_seconds(answer.moment), answer.step, say(answer.text)) for answer in tape.answers]
    return Recording({**about, "trace": trace.digest}, answers, dict(sorted(objects.items())), _seconds(end_us))


def _seconds(moment_us: int) -> float:
    return round(moment_us / SECOND, 2)


def _keys(tape: Tape) -> tuple[dict[str, str], dict[str, str]]:
    """Of each uid the key of its object and the group in which it is numbered."""
    by_age = sorted(tape.seen.values(), key=lambda seen: (seen.states[0][0], seen.index or "", seen.name))
    keys: dict[str, str] = {}
    groups: dict[str, str] = {}
    counts: dict[str, int] = {}
    known = {seen.uid: seen for seen in by_age}

    def name(seen: Seen) -> str:
        if seen.uid in keys:
            return keys[seen.uid]
        if not seen.generated:
            keys[seen.uid] = groups[seen.uid] = f"{seen.kind}/{seen.name}"
            return keys[seen.uid]
        owner = ""
        if seen.owner is not None:
            kind, owner_name, uid = seen.owner
            owner = (name(known[uid]) if uid in known else f"{kind}/{owner_name}") + ">"
        group = f"{owner}{seen.kind}" + (f"[{seen.index}]" if seen.index is not None else "")
        counts[group] = counts.get(group, 0) + 1
        groups[seen.uid] = group
        keys[seen.uid] = f"{group}#{counts[group]}"
        return keys[seen.uid]

    for seen in by_age:
        name(seen)
    return keys, groups


def node_classes(trace: Trace, nodes: list[NodeSpec]) -> dict[str, str]:
    """Of each node the name of its class: nodes with equal labels, taints and capacity, which no step and no pod names, can stand for one another."""
    named = str([step.body for step in trace.steps])
    classes: dict[str, list[str]] = {}
    for node in nodes:
        alone = node.name if re.search(rf"(?<![\w-]){re.escape(node.name)}(?![\w-])", named) else ""
        mark = orjson.dumps(
            [dict(node.labels), [dict(taint) for taint in node.taints], dict(node.capacity), node.unschedulable, alone],
            option=orjson.OPT_SORT_KEYS,
        ).decode()
        classes.setdefault(mark, []).append(node.name)
    return {
        name: names[0] if len(names) == 1 else f"{names[0]}~{names[-1]}" for names in classes.values() for name in names
    }


def _speaker(
    tape: Tape, trace: Trace, keys: Mapping[str, str], groups: Mapping[str, str], classes: Mapping[str, str]
) -> Callable[[Any], Any]:
    """A function that replaces in texts, wherever they stand, what is random."""
    words = {name: name_ for name, name_ in classes.items() if name != name_}
    for seen in tape.seen.values():
        if seen.generated:
            words[seen.name] = f"{{{(keys if seen.kind in _NUMBERED_IN_TEXT else groups)[seen.uid]}}}"
    words[trace.namespace] = "{namespace}"
    longest = sorted(words, key=len, reverse=True)
    pattern = re.compile(r"(?<![a-z0-9-])(?:" + "|".join(map(re.escape, longest)) + r")(?![a-z0-9-])")

    def say(value: Any) -> Any:
        if isinstance(value, str):
            return _UID.sub("{uid}", pattern.sub(lambda match: words[match[0]], value))
        if isinstance(value, Mapping):
            return {key: say(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [say(item) for item in value]
        if isinstance(value, frozenset):
            return sorted(map(say, value))
        return value

    return say


def _merge_revisions(history: History) -> None:
    """Hashes of revisions that are not objects here become numbers, in order of appearance."""
    names: dict[str, str] = {}
    for _, state in history.states:
        for key in ("currentRevision", "updateRevision", "revision"):
            value = (state or {}).get(key)
            if state is not None and isinstance(value, str) and not value.startswith("{") and not value.isdigit():
                state[key] = names.setdefault(value, f"revision#{len(names) + 1}")


def _placements(tape: Tape, groups: Mapping[str, str], classes: Mapping[str, str]) -> dict[str, History]:
    """How many living pods of a group the nodes of a class carry, sorted: what is left of a choice among equal nodes."""
    members: dict[str, list[str]] = {}
    for node, group in classes.items():
        members.setdefault(group, []).append(node)
    changes: dict[str, list[tuple[int, str, str | None]]] = {}
    for seen in tape.seen.values():
        if seen.kind != "Pod":
            continue
        place: str | None = None
        for moment, state in seen.states:
            now: str | None = None if state is None or state.get("phase") in _ENDED else state.get("node")
            if now != place:
                group = re.sub(r"\[\d+\]$", "", groups[seen.uid]) if seen.generated else "Pod"
                changes.setdefault(group, []).append((moment, seen.uid, now))
                place = now
    found: dict[str, History] = {}
    for group, moves in sorted(changes.items()):
        history = History(f"Placement/{group}")
        where: dict[str, str] = {}
        for moment, uid, target in sorted(moves, key=lambda move: move[0]):
            where.pop(uid, None)
            if target is not None:
                where[uid] = target
            counts = _counts(where, members)
            if not history.states or history.states[-1][1] != counts:
                history.states.append((_seconds(moment), counts))
        if any(state for _, state in history.states):
            found[history.group] = history
    return found


def _counts(where: Mapping[str, str], members: Mapping[str, list[str]]) -> State:
    counts = {}
    for group, nodes in members.items():
        if len(nodes) > 1:
            on = sorted((sum(1 for node in where.values() if node == name) for name in nodes), reverse=True)
            if any(on):
                counts[group] = on
    return counts


def save(recording: Recording, path: Path) -> None:
    """Write it, a line a state."""
    lines = ["{", f' "about": {_line(recording.about)},', f' "end": {recording.end_s},', ' "answers": [']
    lines += _joined([f"  {_line(list(answer))}" for answer in recording.answers])
    lines += [" ],", ' "objects": {']
    blocks = []
    for key, history in recording.objects.items():
        block = [f"  {_line(key)}: {{", f'   "group": {_line(history.group)},', '   "states": [']
        block += _joined([f"    {_line([moment, change])}" for moment, change in _changes(history.states)])
        block += ["   ],", '   "events": [']
        block += _joined([f"    {_line([*event, moments])}" for event, moments in sorted(history.events.items())])
        blocks.append("\n".join([*block, "   ]", "  }"]))
    lines += [",\n".join(blocks), " }", "}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def load(path: Path) -> Recording:
    """Read what `save` wrote."""
    body = orjson.loads(path.read_bytes())
    objects = {}
    for key, entry in body["objects"].items():
        state: State | None = None
        states: list[tuple[float, State | None]] = []
        for moment, change in entry["states"]:
            state = None if change is None else _patched(state or {}, change)
            states.append((moment, state))
        events = {
            (kind, reason, component, text): moments for kind, reason, component, text, moments in entry["events"]
        }
        objects[key] = History(entry["group"], states, events)
    return Recording(body["about"], [tuple(answer) for answer in body["answers"]], objects, body["end"])


def _line(value: Any) -> str:
    return orjson.dumps(value).decode()


def _joined(lines: list[str]) -> list[str]:
    return [line + ("," if at < len(lines) - 1 else "") for at, line in enumerate(lines)]


def _changes(states: list[tuple[float, State | None]]) -> list[tuple[float, State | None]]:
    changes: list[tuple[float, State | None]] = []
    before: State = {}
    for moment, state in states:
        changes.append((moment, None if state is None else difference(before, state)))
        before = state or {}
    return changes


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> State:
    """The merge patch from one state to another."""
    patch: State = {}
    for key in (*before, *(key for key in after if key not in before)):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        patch[key] = difference(old, new) if isinstance(old, Mapping) and isinstance(new, Mapping) else new
    return patch


def _patched(before: Mapping[str, Any], patch: Mapping[str, Any]) -> State:
    state = dict(before)
    for key, value in patch.items():
        if value is None:
            state.pop(key, None)
        elif isinstance(value, Mapping):
            old = state.get(key)
            state[key] = _patched(old if isinstance(old, Mapping) else {}, value)
        else:
            state[key] = value
    return state
