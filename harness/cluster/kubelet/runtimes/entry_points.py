"""Only declared entry points run: the command of a container of one of our services must begin with what its image
declares.

A shell or another program would be a second, undeclared way for a process to do things, and on the modelled nodes
there is no image file system to find it in.
"""

from __future__ import annotations

from harness.kube.hooks import ContainerRefused, ContainerStart


def check(start: ContainerStart) -> None:
    """Raises ContainerRefused when the container's command is not its image's entry point followed by any arguments."""
    declared = start.image.entrypoint
    if not declared:
        raise ContainerRefused(
            f"image {start.image.reference} (service {start.image.service}) declares no entry point: "
            "give its Dockerfile target an ENTRYPOINT in exec form"
        )
    if start.argv[: len(declared)] != declared:
        raise ContainerRefused(
            f"command {_words(start.argv)} is not the entry point {_words(declared)} of image {start.image.reference}: "
            "leave out the container's command, or declare it as the ENTRYPOINT of a Dockerfile target"
        )


def _words(argv: tuple[str, ...]) -> str:
    return "[" + " ".join(argv) + "]"
