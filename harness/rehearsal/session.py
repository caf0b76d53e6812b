"""`harness up` and `harness down`: a cluster that stays, at the wall's pace, for kubectl and for looking around."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from harness.cluster.kubelet.runtimes.leftovers import started_ticks
from harness.rehearsal.places import require_directory
from harness.targets.base import Settings
from harness.targets.choose import choose_target
from harness.targets.project import ProjectError, find_project
from harness.world.world import World

_START_LIMIT_S = 120.0
_SCALE = 1 / 1024


def _session_file(root: Path) -> Path:
    return root / "build" / "session.json"


def up(environment: str, *, kubeconfig: Path, detach: bool) -> int:
    """Start a world and serve its Kubernetes API until SIGTERM or Ctrl-C; with `detach`, in a process of its own."""
    project = find_project(environment)
    project.check_fresh()
    session = _session_file(project.root)
    if running_session(session) is not None:
        raise ProjectError("a cluster is up already: stop it with `harness down`")
    kubeconfig = kubeconfig.resolve()
    require_directory(kubeconfig.parent, "--kubeconfig in")
    if detach:
        return _start_detached(environment, kubeconfig, session)
    settings = Settings(environment=environment, seed=int(time.time()), scale=_SCALE, pace=1.0)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with World(choose_target("sim").open(project, settings)) as world:
        world.deploy()
        url = world.backend.serve_kubernetes(kubeconfig)
        manifests = kubeconfig.parent / "manifests"
        world.write_manifests(manifests)
        print(
            f"cluster of {environment} at {url}\n"
            f"export KUBECONFIG={kubeconfig}\n"
            f"kubectl create -f {manifests}/workloads/workflow.yaml",
            flush=True,
        )
        _note(session)
        try:
            stop.wait()
        finally:
            session.unlink(missing_ok=True)
            kubeconfig.unlink(missing_ok=True)
    return 0


def down(*, everything: bool) -> int:
    """Stop the detached cluster; `everything`: also what killed runs left: processes, directories, kind clusters."""
    project = find_project("dev")
    session = _session_file(project.root)
    process = running_session(session)
    if process is not None:
        process.terminate()
        process.wait(30)
        print("the cluster is down")
    session.unlink(missing_ok=True)
    if everything:
        from harness.targets.kind.leftovers import clear_leftovers as clear_sessions
        from harness.targets.state import clear_leftovers as clear_worlds

        cleared = clear_worlds(project.root) + clear_sessions(project.root)
        print(f"cleared what {cleared} killed run(s) left behind")
    elif process is None:
        print("no cluster is up")
    return 0


def running_session(session: Path) -> psutil.Process | None:
    """The process of a session, if it is still the one that wrote it."""
    if not session.is_file():
        return None
    noted = json.loads(session.read_text())
    if started_ticks(noted["pid"]) != noted["ticks"]:
        return None
    return psutil.Process(noted["pid"])


def _note(session: Path) -> None:
    """Write down that this process holds the session: whole or not at all, as somebody may be reading. Ticks since the boot, as the wall clock may be set."""
    session.parent.mkdir(parents=True, exist_ok=True)
    partial = session.with_name(session.name + ".partial")
    partial.write_text(json.dumps({"pid": os.getpid(), "ticks": started_ticks(os.getpid())}))
    os.replace(partial, session)


def _start_detached(environment: str, kubeconfig: Path, session: Path) -> int:
    log = session.with_name("session.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "harness.cli", "up", "--env", environment, "--kubeconfig", str(kubeconfig)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=dict(os.environ),
        )
    limit = time.monotonic() + _START_LIMIT_S
    while running_session(session) is None:
        if process.poll() is not None or time.monotonic() > limit:
            process.kill()
            raise ProjectError(f"the cluster did not start: {log.read_text().strip().splitlines()[-1:]}, see {log}")
        time.sleep(0.1)
    print(log.read_text(), end="")
    return 0
