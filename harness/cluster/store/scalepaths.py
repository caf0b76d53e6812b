"""Where a type keeps what its scale subresource shows (apiextensions `CustomResourceSubresourceScale`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.cluster.store.validation.causes import invalid, required
from harness.kube.errors import Cause
from harness.kube.objects import Object


@dataclass(frozen=True)
class ScalePaths:
    """Paths like `.spec.replicas`; `selector` is where a custom type keeps the text of its label selector."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str | None = None

    @property
    def owned(self) -> tuple[str, ...]:
        """The replicas as a path in managedFields."""
        return tuple(f"f:{part}" for part in self.spec_replicas.strip(".").split("."))


BUILT_IN = ScalePaths()


def paths_of(scale: Mapping[str, Any]) -> ScalePaths:
    """Those of a version's `subresources.scale`."""
    return ScalePaths(scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath"))


def at_path(obj: Object, path: str) -> Any:
    """The value at a path like `.status.replicas`; None where there is nothing."""
    value: Any = obj
    for part in path.strip(".").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def patch_at(path: str, value: Any) -> dict[str, Any]:
    """The merge patch that writes `value` at a path."""
    patch: Any = value
    for part in reversed(path.strip(".").split(".")):
        patch = {part: patch}
    result: dict[str, Any] = patch
    return result


def check_scale(field: str, scale: Mapping[str, Any]) -> list[Cause]:
    """The paths of a definition: given, plain, and in the right part of the object."""
    causes = _path(f"{field}.specReplicasPath", scale.get("specReplicasPath"), (".spec",))
    causes += _path(f"{field}.statusReplicasPath", scale.get("statusReplicasPath"), (".status",))
    if scale.get("labelSelectorPath"):
        causes += _path(f"{field}.labelSelectorPath", scale["labelSelectorPath"], (".spec", ".status"))
    return causes


def _path(field: str, path: Any, parts: tuple[str, ...]) -> list[Cause]:
    if not path:
        return [required(field)]
    if not path.startswith("."):
        return [invalid(field, path, "must be a simple json path starting with .")]
    if not path.startswith(tuple(f"{part}." for part in parts)):
        places = " or ".join(parts)
        return [invalid(field, path, f"should be a json path under {'either ' if len(parts) > 1 else ''}{places}")]
    return []
