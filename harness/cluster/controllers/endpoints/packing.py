"""Endpoints into slices of at most 100, with as few writes as can be (`reconcileByPortMapping`, `addEndpoints` of `k8s.io/endpointslice`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Endpoint = Mapping[str, Any]


@dataclass(frozen=True)
class Held:
    """A slice that exists: its name and its endpoints by the uid of their pod."""

    name: str
    endpoints: Mapping[str, Endpoint]


@dataclass
class Packing:
    """What is to be written: new slices, changed ones by name, and names of those that go."""

    create: list[list[Endpoint]] = field(default_factory=list)
    update: dict[str, list[Endpoint]] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)


def pack(wanted: Mapping[str, Endpoint], held: Sequence[Held], most: int) -> Packing:
    """Keep what is right where it is; put new endpoints into slices that change anyway, then where they just fit, then into new ones."""
    packing = Packing()
    missing = dict(wanted)
    untouched: dict[str, list[Endpoint]] = {}
    for one in held:
        kept = {uid: wanted[uid] for uid in one.endpoints if uid in missing}
        for uid in kept:
            del missing[uid]
        if not kept:
            packing.delete.append(one.name)
        elif list(kept.values()) != list(one.endpoints.values()):
            packing.update[one.name] = list(kept.values())
        else:
            untouched[one.name] = list(kept.values())
    rest = list(missing.values())
    for entries in packing.update.values():
        room = most - len(entries)
        entries.extend(rest[:room])
        rest = rest[room:]
    while rest:
        fitting = [name for name, entries in untouched.items() if len(entries) + len(rest) <= most]
        if len(rest) < most and fitting:
            fullest = max(fitting, key=lambda name: len(untouched[name]))
            packing.update[fullest] = untouched.pop(fullest) + rest
            break
        if packing.delete:
            packing.update[packing.delete.pop(0)] = rest[:most]
        else:
            packing.create.append(rest[:most])
        rest = rest[most:]
    return packing
