"""How images come to be and what containers see on one machine: Dockerfiles and Compose files."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """`copies` are the sources of COPY and ADD from the build context; `from_named` those from named contexts or stages."""

    path: str
    copies: tuple[str, ...]
    from_named: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class ComposeService:
    """`binds` are the folders of the project that it mounts, relative to the project."""

    place: str
    name: str
    context: str | None
    dockerfile: str
    binds: tuple[str, ...]


def is_composition(content: Any) -> bool:
    services = content.get("services") if isinstance(content, Mapping) else None
    return isinstance(services, Mapping) and any(
        isinstance(s, Mapping) and ("image" in s or "build" in s) for s in services.values()
    )


def compose_services(path: str, content: Mapping[str, Any]) -> Iterator[ComposeService]:
    """Paths of a composition are relative to its own folder."""
    folder = posixpath.dirname(path)
    for name, service in content["services"].items():
        build = service.get("build")
        build = {"context": build} if isinstance(build, str) else build
        yield ComposeService(
            place=f"{path}#{name}",
            name=str(name),
            context=normal(folder, str(build.get("context", "."))) if build else None,
            dockerfile=str((build or {}).get("dockerfile", "Dockerfile")),
            binds=tuple(normal(folder, source) for source in map(_bind, service.get("volumes") or ()) if source),
        )


def dockerfile(path: str, text: str) -> Dockerfile:
    copies: list[str] = []
    named: list[tuple[str, str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split(maxsplit=1)
        if len(words) < 2 or words[0].upper() not in {"COPY", "ADD"}:
            continue
        arguments = shlex.split(words[1].strip("[]").replace('",', '" '))
        sources = [word for word in arguments if not word.startswith("--")][:-1]
        stage = next((word.removeprefix("--from=") for word in arguments if word.startswith("--from=")), None)
        if stage is None:
            copies.extend(sources)
        else:
            named.extend((stage, source) for source in sources)
    return Dockerfile(path=path, copies=tuple(copies), from_named=tuple(named))


def normal(folder: str, path: str) -> str:
    """A path relative to the plan, `.` for its root."""
    return posixpath.normpath(posixpath.join(folder, path))


def covers(copied: str, wanted: str) -> bool:
    """Whether copying one path brings in the other."""
    copied = copied.rstrip("/*")
    return copied in {"", "."} or wanted == copied or wanted.startswith(f"{copied}/")


def _bind(volume: Any) -> str | None:
    """The host's side of a bind mount inside the project; a named volume or a path of the machine has none."""
    if isinstance(volume, Mapping):
        source = str(volume.get("source", "")) if volume.get("type") == "bind" else ""
    else:
        source = str(volume).split(":", maxsplit=1)[0] if ":" in str(volume) else ""
    return source if source.startswith(".") and source not in {".", "./"} else None
