"""The container engine, through its command line: the program that kind itself calls, and only what a session needs of it.

Safe to use from several threads. Everything here waits for the engine, so nothing here belongs on the kernel's thread.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.targets.base import TargetUnavailable

_LIMIT_S = 120.0
_LONG_LIMIT_S = 900.0  # pulls, builds and the copying of images
_WORDS_MAX = 600


class EngineError(Exception):
    """A command of the container engine failed; the message names it and holds the engine's last words."""


class Engine:
    """Docker on this machine."""

    def __init__(self, program: str = "docker") -> None:
        self._program = program

    def require(self) -> None:
        """Raise TargetUnavailable, with the remedy, unless the engine answers."""
        if shutil.which(self._program) is None:
            raise TargetUnavailable(
                f"target kind needs Docker Engine, and there is no program `{self._program}` on the PATH: install it "
                "(https://docs.docker.com/engine/install/), or run with --target=sim"
            )
        try:
            self.call("version", "--format", "{{.Server.Version}}", limit_s=30)
        except EngineError as error:
            raise TargetUnavailable(
                f"target kind needs Docker Engine, which does not answer ({error}): start it and see that `{self._program} "
                "ps` works for this user, or run with --target=sim"
            ) from error

    def call(self, *words: str, stdin: bytes | None = None, limit_s: float = _LIMIT_S) -> str:
        """Run one command of the engine; what it printed. Raises EngineError."""
        return finish([self._program, *words], stdin=stdin, limit_s=limit_s)

    # --- images

    def image_id(self, reference: str) -> str | None:
        """The id of an image that is on this machine."""
        try:
            return self.call("image", "inspect", "--format", "{{.Id}}", reference).strip()
        except EngineError as error:
            if "no such image" in str(error).lower():
                return None
            raise

    def pull(self, reference: str) -> None:
        """Fetch an image from its registry."""
        self.call("pull", "--quiet", reference, limit_s=_LONG_LIMIT_S)

    def build(self, *words: str, stdin: bytes | None = None, env: Mapping[str, str]) -> None:
        """Build an image; `env` is the whole environment of the builder."""
        finish([self._program, "build", *words], stdin=stdin, limit_s=_LONG_LIMIT_S, env=env)

    def save_into(self, references: Sequence[str], container: str, argv: Sequence[str]) -> None:
        """Hand images as an archive to a program in a container. Raises EngineError with the words of the one that failed."""
        source = [self._program, "save", *references]
        sink = [self._program, "exec", "-i", container, *argv]
        with subprocess.Popen(source, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as saving:
            assert saving.stdout is not None
            assert saving.stderr is not None
            try:
                done = subprocess.run(
                    sink, stdin=saving.stdout, capture_output=True, check=False, timeout=_LONG_LIMIT_S
                )
            except subprocess.TimeoutExpired as error:
                saving.kill()
                raise EngineError(f"{_short(sink)}: no end after {_LONG_LIMIT_S:.0f} s") from error
            saving.stdout.close()  # a reader that failed leaves the writer with nobody to write to
            said = saving.stderr.read()
        if done.returncode != 0:
            raise EngineError(f"{_short(sink)}: {_words(done.stderr or done.stdout)}")
        if saving.returncode != 0:
            raise EngineError(f"{_short(source)}: {_words(said)}")

    # --- containers

    def run(self, *words: str) -> str:
        """Start a container in the background; its id."""
        return self.call("run", "--detach", *words).strip()

    def execute(
        self, container: str, argv: Sequence[str], stdin: bytes | None = None, limit_s: float = _LIMIT_S
    ) -> str:
        """Run a program in a container; its output. Raises EngineError with its words."""
        interactive = ["-i"] if stdin is not None else []
        return self.call("exec", "--privileged", *interactive, container, *argv, stdin=stdin, limit_s=limit_s)

    def containers(self, prefix: str, *, running: bool = False) -> list[str]:
        """Names that begin so; `running` leaves out those that ended or stand still."""
        only = ["--filter", "status=running"] if running else ["--all"]
        names = self.call("ps", *only, "--filter", f"name={prefix}", "--format", "{{.Names}}").split()
        return sorted(name for name in names if name.startswith(prefix))

    def address(self, container: str, network: str) -> str:
        """A container's IPv4 address on a network."""
        return str(self._inspect("container", container)["NetworkSettings"]["Networks"][network]["IPAddress"])

    def copy_out(self, container: str, inside: str, to: Path) -> None:
        """Copy what a container's directory holds into a directory of this machine, as files of this user."""
        self.call("cp", f"{container}:{inside}/.", str(to))

    def remove(self, containers: Sequence[str]) -> None:
        """Kill and remove containers with their anonymous volumes; harmless for those that are gone."""
        if containers:
            try:
                self.call("rm", "--force", "--volumes", *containers)
            except EngineError as error:
                if not is_gone(error):
                    raise

    # --- volumes and networks

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """A named volume of the engine."""
        self.call("volume", "create", *(f"--label={key}={value}" for key, value in labels.items()), name)

    def create_small_volume(self, name: str, size_bytes: int) -> None:
        """A named volume in memory, with a size of its own; what it holds is gone once no container has it any more."""
        options = ("type=tmpfs", "device=tmpfs", f"o=size={size_bytes}")
        self.call("volume", "create", *(f"--opt={option}" for option in options), name)

    def volumes(self, label: str) -> dict[str, str]:
        """Volumes that carry a label: its value by the volume's name."""
        shown = self.call(
            "volume", "ls", "--filter", f"label={label}", "--format", f'{{{{.Name}}}} {{{{.Label "{label}"}}}}'
        )
        return {name: value for name, _, value in (line.partition(" ") for line in shown.splitlines())}

    def gateway(self, network: str) -> str:
        """The IPv4 address that this machine has on a network."""
        for config in self._inspect("network", network)["IPAM"]["Config"]:
            if "." in str(config.get("Gateway", "")):
                return str(config["Gateway"])
        raise EngineError(f"network {network} has no IPv4 gateway")

    def forget(self, kind: str, name: str) -> None:
        """Remove a volume or a network; harmless when it is gone."""
        try:
            self.call(kind, "rm", name)
        except EngineError as error:
            if not is_gone(error):
                raise

    def _inspect(self, kind: str, name: str) -> Any:
        return json.loads(self.call(kind, "inspect", name))[0]


def is_gone(error: EngineError) -> bool:
    """Whether a command failed because what it names does not exist, or no longer runs."""
    words = str(error).lower()
    return any(sign in words for sign in ("no such", "not found", "already in progress", "is not running"))


def finish(
    argv: Sequence[str], *, stdin: bytes | None = None, limit_s: float, env: Mapping[str, str] | None = None
) -> str:
    """Run a program to its end; what it printed. Raises EngineError with its last words."""
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
            timeout=limit_s,
            env=env,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{_short(argv)}: no end after {limit_s:.0f} s") from error
    except OSError as error:
        raise EngineError(f"{_short(argv)}: {error.strerror}") from error
    if done.returncode != 0:
        raise EngineError(f"{_short(argv)}: {_words(done.stderr or done.stdout)}")
    return done.stdout.decode(errors="replace")


def _short(argv: Sequence[str]) -> str:
    """A command as one can recognise it: scripts and long lists are cut."""
    line = " ".join(" ".join(argv).split())
    return line if len(line) <= 100 else f"{line[:97]}..."


def _words(said: bytes) -> str:
    """What a program said, on one line: from kind's ERROR on, or else the end."""
    line = " ".join(said.decode(errors="replace").split())
    _, error, reason = line.partition("ERROR: ")
    return (reason[:_WORDS_MAX] if error else line[-_WORDS_MAX:]) or "it said nothing"
