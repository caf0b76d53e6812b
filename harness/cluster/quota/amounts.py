"""Sums of quantities that keep Kubernetes' notation, and what a pod asks for in all (`component-helpers/resource/helpers.go`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from harness.kube.amounts import canonical
from harness.kube.quantity import parse

Amounts = Mapping[str, Any]
"""Resource name -> quantity."""


def add(one: Amounts, other: Amounts) -> dict[str, str]:
    """The sum, name by name."""
    result = {name: str(canonical(amount)) for name, amount in one.items()}
    for name, amount in other.items():
        result[name] = _plus(result[name], amount, 1) if name in result else str(canonical(amount))
    return result


def add_all(amounts: Iterable[Amounts]) -> dict[str, str]:
    """The sum of many."""
    result: dict[str, str] = {}
    for entry in amounts:
        result = add(result, entry)
    return result


def subtract(one: Amounts, other: Amounts) -> dict[str, str]:
    """The difference, name by name; a name that `one` lacks is negative."""
    result = {name: str(canonical(amount)) for name, amount in one.items()}
    for name, amount in other.items():
        result[name] = _plus(result.get(name, "0"), amount, -1)
    return result


def exceeds(used: Amounts, hard: Amounts) -> list[str]:
    """The names of which more is used than allowed, sorted."""
    return sorted(name for name, amount in used.items() if name in hard and parse(amount) > parse(hard[name]))


def requests_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """What a pod requests: its containers with its sidecars, or the largest init step if that is more, and its overhead."""
    return _effective(spec, "requests")


def limits_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """What a pod may use, in the same way."""
    return _effective(spec, "limits")


def _effective(spec: Mapping[str, Any], part: str) -> dict[str, str]:
    total = add_all(_part(container, part) for container in spec.get("containers") or ())
    sidecars: dict[str, str] = {}
    largest: dict[str, str] = {}
    for container in spec.get("initContainers") or ():
        own = _part(container, part)
        if container.get("restartPolicy") == "Always":
            total, sidecars = add(total, own), add(sidecars, own)
            step = sidecars
        else:
            step = add(own, sidecars)
        largest = _largest(largest, step)
    result = _largest(total, largest)
    own = (spec.get("resources") or {}).get(part) or {}
    result.update({name: str(canonical(amount)) for name, amount in own.items() if _is_pod_level(name)})
    overhead = spec.get("overhead") or {}
    if overhead:
        result = add(result, {name: a for name, a in overhead.items() if part == "requests" or name in result})
    return result


def _is_pod_level(name: str) -> bool:
    return name in {"cpu", "memory"} or name.startswith("hugepages-")


def _part(container: Mapping[str, Any], part: str) -> Amounts:
    amounts: Amounts = (container.get("resources") or {}).get(part) or {}
    return amounts


def _largest(one: Amounts, other: Amounts) -> dict[str, str]:
    result = dict(one)
    for name, amount in other.items():
        if name not in result or parse(amount) > parse(result[name]):
            result[name] = str(canonical(amount))
    return result


def _plus(one: Any, other: Any, sign: int) -> str:
    """The sum in the notation of the first, or of the second when the first is 0 (`resource.Quantity.Add`)."""
    first, second = parse(one), parse(other)
    pattern = str(other if first == 0 else one)
    return _text(first + sign * second, binary=pattern.endswith("i"))


def _text(value: Decimal, *, binary: bool) -> str:
    if binary and abs(value) >= 1024 and value == value.to_integral_value():
        return str(canonical(f"{value / 1024}Ki"))
    return str(canonical(format(value, "f")))
