"""What needs what, as a plain graph: cycles and ancestors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def find_cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """A cycle of a graph, its first node repeated at the end; empty when there is none."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name not in done:
            for needed in needs[name]:
                cycle = visit(needed, [*path, name])
                if cycle:
                    return cycle
            done.add(name)
        return []

    for name in needs:
        cycle = visit(name, [])
        if cycle:
            return cycle
    return []


def ancestors(name: str, needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Everything that `name` needs, directly or through others."""
    found: list[str] = []
    waiting = list(needs[name])
    while waiting:
        ancestor = waiting.pop(0)
        if ancestor not in found:
            found.append(ancestor)
            waiting.extend(needs[ancestor])
    return found
