"""Only declared entry points run: the command of a container of one of our services must begin with what its image
declares, and so must a command that somebody wants to run beside it (kubectl exec).

A shell or another program would be a second, undeclared way for a process to do things, and on the modelled nodes
there is no image file system to find it in.
"""

from __future__ import annotations

from harness.kube.hooks import ContainerRefused, ContainerStart, ExecRefused, Image

_DECLARE = "declare it as the ENTRYPOINT of a Dockerfile target"


def check(start: ContainerStart) -> None:
    """Raises ContainerRefused when the container's command is not its image's entry point followed by any arguments."""
    reason = _undeclared(start.image, start.argv, f"leave out the container's command, or {_DECLARE}")
    if reason is not None:
        raise ContainerRefused(reason)


def check_command(image: Image, argv: tuple[str, ...]) -> None:
    """Raises ExecRefused when a command that is to run beside a container is not its image's entry point followed by any arguments."""
    remedy = f"any other command would be a shell on the host; begin with the entry point, or {_DECLARE}"
    reason = _undeclared(image, argv, remedy)
    if reason is not None:
        raise ExecRefused(reason)


def _undeclared(image: Image, argv: tuple[str, ...], remedy: str) -> str | None:
    """Why a command does not run, and what to do."""
    declared = image.entrypoint
    if not declared:
        return (
            f"image {image.reference} (service {image.service}) declares no entry point: "
            "give its Dockerfile target an ENTRYPOINT in exec form"
        )
    if argv[: len(declared)] != declared:
        return f"command {_words(argv)} is not the entry point {_words(declared)} of image {image.reference}: {remedy}"
    return None


def _words(argv: tuple[str, ...]) -> str:
    return "[" + " ".join(argv) + "]"
