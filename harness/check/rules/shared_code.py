"""Images without the code that they import: on one machine the composition mounts it, in a cluster nothing does.

For every folder of the repository that a service mounts, some COPY of its Dockerfile has to bring it in from the context that CI builds with. Folders that
are not in the repository hold data.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.containers import ComposeService, Dockerfile, covers, normal
from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.shell import ANYTHING, Command, commands

NAME = "code-not-in-image"
_FLAGS = frozenset({"--push", "--load", "--pull", "--no-cache", "--quiet", "-q", "--rm", "--squash"})


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    built = list(_builds(plan))
    for service in plan.services:
        if service.context is None:
            continue
        image = _dockerfile(plan, normal(service.context, service.dockerfile))
        if image is None:
            continue
        context, named = _build_of(service, image.path, built)
        copied = [normal(context, source) for source in image.copies]
        copied += [normal(named[stage], source) for stage, source in image.from_named if stage in named]
        missing = [b for b in service.binds if _is_kept(plan, b) and not any(covers(c, b) for c in copied)]
        # code of which a part is copied is its own; what is wholly absent is what it imports
        absent = [b for b in missing if not any(covers(b, c) for c in copied)]
        if absent:
            yield Finding(
                service.place,
                NAME,
                f"mounts {', '.join(absent)} at run time, but its image, built of {context}, copies none of it, so imports fail in a cluster: "
                "build from the repository's root and COPY it",
            )


def _is_kept(plan: Plan, folder: str) -> bool:
    """Whether the repository holds files of the folder."""
    known = plan.files if plan.files is not None else {d.path for d in plan.dockerfiles}
    return any(covers(folder, name) for name in known)


def _dockerfile(plan: Plan, path: str) -> Dockerfile | None:
    return next((d for d in plan.dockerfiles if d.path == path), None)


def _build_of(
    service: ComposeService, dockerfile: str, built: list[tuple[str, str, dict[str, str]]]
) -> tuple[str, dict[str, str]]:
    """Context and named contexts with which CI builds the Dockerfile, or else those of the composition."""
    for path, context, named in built:
        if path == dockerfile:
            return context, named
    assert service.context is not None
    return service.context, {}


def _builds(plan: Plan) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Dockerfile, context and named contexts of every `docker build` of CI."""
    for step in plan.steps:
        for script in step.expanded():
            for command in commands(script):
                context = _context(command)
                if context is not None:
                    file = command.option("--file", "-f") or f"{context}/Dockerfile"
                    yield normal(step.working_directory, file), normal(step.working_directory, context), _named(command)


def _context(command: Command) -> str | None:
    words = command.words
    if command.program not in {"docker", "podman", "buildah"} or "build" not in words[1:3]:
        return None
    operands: list[str] = []
    skip = True
    for word in words[words.index("build") :]:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = "=" not in word and word not in _FLAGS
        else:
            operands.append(word)
    return operands[-1] if operands and "$" not in operands[-1] and ANYTHING not in operands[-1] else None


def _named(command: Command) -> dict[str, str]:
    pairs = [
        following.removeprefix("--build-context=")
        for word, following in zip(("", *command.words), command.words, strict=False)
        if word == "--build-context" or following.startswith("--build-context=")
    ]
    return {name: normal("", path) for name, _, path in (pair.partition("=") for pair in pairs)}
