"""What one write does to the entries, remembered: thousands of objects are created and updated alike.

A step is found by who writes, what everybody owned before and the `likeness` of the change; it holds what everybody owns after it, written, with blanks
for the texts that tell the objects apart. So a step that was taken before costs no sets and no encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from harness.cluster.store.apply.fieldsets import FieldSet, quoted, read_encoded
from harness.cluster.store.apply.likeness import Likeness, Unlike, likeness
from harness.cluster.store.apply.managers import UPDATERS_MAX, Ground, Managed, Manager, Owned, updated

_STEPS_MAX = 4096
_NOW = "now"  # in a step: the moment of the write, whichever that is
_Step = tuple[tuple[Manager, bytes, str, Manager | None], ...]
"""Of each entry the manager, what it owns, in which version, and whose time it has: None is the moment of the write."""
_Blanks = tuple[tuple[bytes, bytes], ...]
_steps: dict[Any, tuple[Ground, _Step]] = {}  # with the ground, so that its id is never given to another


def after_create(
    ground: Ground, managed: Managed, manager: Manager, nothing: Any, parts: Mapping[str, bytes], now: str
) -> Managed:
    """The entries after `manager` created an object, whose fields are given as JSON: many objects are one template's to the letter."""
    key = (id(ground), manager, *parts.items())
    known = None if managed else _steps.get(key)
    if known is not None:
        return _taken(known[1], managed, now)
    new = {name: orjson.loads(part) for name, part in parts.items()}
    result = after_update(ground, managed, manager, nothing, new, now)
    if not managed:
        _remember(key, ground, _step(result, now))
    return result


def after_update(ground: Ground, managed: Managed, manager: Manager, old: Any, new: Any, now: str) -> Managed:
    """The entries after `manager` turned `old` into `new`."""
    version = ground.api_version
    for entry in managed.values():
        if entry.api_version != version:
            return updated(ground, managed, manager, old, new, now)
    try:
        like = likeness(ground.shape, ground.shown(old), ground.shown(new))
    except Unlike:
        return updated(ground, managed, manager, old, new, now)
    blanks = tuple([(quoted(element), b"\0%d\0" % number) for element, number in like.blanks.items()])
    owners = tuple([(other, _blanked(entry.encoded, blanks)) for other, entry in managed.items()])
    key = (id(ground), manager, owners, tuple(like.tokens))
    known = _steps.get(key)
    if known is not None:
        return _taken(known[1], managed, now, blanks)
    result = updated(ground, managed, manager, old, new, _NOW)
    if len(managed) < UPDATERS_MAX and _is_general(like, managed) and _is_general(like, result):
        _remember(key, ground, _step(result, _NOW, blanks))
    return {other: entry._replace(time=now) if entry.time == _NOW else entry for other, entry in result.items()}


def _taken(step: _Step, managed: Managed, now: str, blanks: _Blanks = ()) -> Managed:
    return {
        other: Owned(
            _filled(encoded, blanks) if blanks else encoded, version, now if source is None else managed[source].time
        )
        for other, encoded, version, source in step
    }


def _remember(key: Any, ground: Ground, step: _Step) -> None:
    if len(_steps) >= _STEPS_MAX:
        _steps.clear()
    _steps[key] = (ground, step)


def _step(result: Managed, now: str, blanks: _Blanks = ()) -> _Step:
    return tuple(
        (other, _blanked(entry.encoded, blanks), entry.api_version, None if entry.time == now else other)
        for other, entry in result.items()
    )


def _blanked(encoded: bytes, blanks: _Blanks) -> bytes:
    for text, blank in blanks:
        encoded = encoded.replace(text, blank)
    return encoded


def _filled(encoded: bytes, blanks: _Blanks) -> bytes:
    for text, blank in blanks:
        encoded = encoded.replace(blank, text)
    return encoded


def _is_general(like: Likeness, managed: Managed) -> bool:
    """Whether other texts in the blanks would give the same sets: none of them is also spelled, or has a neighbour beside which it would be sorted."""
    if not like.blanks:
        return True
    if not like.spelled.isdisjoint(like.blanks):
        return False
    return all(_stand_alone(read_encoded(entry.encoded), like.blanks.keys()) for entry in managed.values())


def _stand_alone(fields: FieldSet, elements: Any) -> bool:
    items = {element for element in (*fields.members, *fields.children) if element[0] != "f"}
    if len(items) > 1 and not items.isdisjoint(elements):
        return False
    return all(_stand_alone(below, elements) for below in fields.children.values())
