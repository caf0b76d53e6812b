"""A session on this machine's engine, from its first node to the last trace of it. Everything is real; a cluster takes half a minute, so one story has it all.

Needs HARNESS_KIND_IMAGE (the nodes' image), kind, and an image with Python: HARNESS_PYTHON_IMAGE or the published one.
"""

from __future__ import annotations

import http.server
import os
import queue
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from harness.kube.errors import ApiError
from harness.kube.remote.paths import path_of
from harness.kube.resources import NODES, PODS
from harness.targets.kind.capacity import Capacity
from harness.targets.kind.containers import SHARED
from harness.targets.kind.engine import Engine, EngineError
from harness.targets.kind.leftovers import clear_leftovers
from harness.targets.kind.nodes import Forward, NodePlan
from harness.targets.kind.session import KindSession

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("HARNESS_KIND_IMAGE"),
        reason="HARNESS_KIND_IMAGE names no image for the nodes of a kind cluster",
    ),
]
PYTHON = os.environ.get("HARNESS_PYTHON_IMAGE") or "python:3.11-slim-bookworm"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/em-pipeline-ebi:0.1.0"
HEAVY, SMALL, LATE = (f"ip-10-0-1-{number}.ec2.internal" for number in (7, 8, 9))
CREDENTIALS = "169.254.170.23"
HEAVY_TAINT = {"key": "workload-type", "value": "heavy-processing", "effect": "NoSchedule"}
READ = f"import urllib.request as u; print(u.urlopen('http://{CREDENTIALS}/').read().decode())"

T = TypeVar("T")


def eventually(what: str, look: Callable[[], T | None], limit_s: float = 60) -> T:
    """What `look` finds, once it finds something."""
    limit = time.monotonic() + limit_s
    while (found := look()) is None:
        assert time.monotonic() < limit, f"{what}: not within {limit_s:.0f} s"
        time.sleep(0.2)
    return found


@contextmanager
def server(address: str) -> Iterator[int]:
    """Answers every GET on a port of one address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the host")

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    with socketserver.ThreadingTCPServer((address, 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield int(served.server_address[1])
        served.shutdown()


class Story:
    """One session, and what its tests do with it."""

    def __init__(self, session: KindSession, port: int) -> None:
        self.session = session
        self.port = port

    def launch(self, name: str, instance_type: str, **changes: Any) -> None:
        """Let a node join and wait until it is registered."""
        told: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        plan = NodePlan(
            name=name,
            provider_id=f"aws:///us-east-1a/i-{name}",
            labels={"node.kubernetes.io/instance-type": instance_type, "topology.kubernetes.io/zone": "us-east-1a"},
            capacity=Capacity.of(instance_type),
            forwards=[Forward(CREDENTIALS, 80, self.port)],
            **{"taints": [], **changes},
        )
        self.session.nodes.launch(plan, told.put)
        assert told.get(timeout=90) is None

    def node(self, name: str) -> dict[str, Any]:
        return self.session.transport.request("GET", path_of(NODES, None, name))

    def is_ready(self, name: str) -> str:
        return next(str(one["status"]) for one in self.node(name)["status"]["conditions"] if one["type"] == "Ready")

    def run_pod(self, name: str, image: str, **spec: Any) -> None:
        """Start a pod that reads from the credentials' address."""
        container = {"name": "main", "image": image, "command": ["python3", "-c", READ], **spec.pop("container", {})}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "containers": [container], **spec},
        }
        eventually("a service account", lambda: self._created(body))

    def _created(self, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return self.session.transport.request("POST", path_of(PODS, "default"), body=body)
        except ApiError as error:
            if "serviceaccount" in str(error):
                return None
            raise

    def pod(self, name: str) -> dict[str, Any]:
        return self.session.transport.request("GET", path_of(PODS, "default", name))

    def ended(self, name: str) -> dict[str, Any] | None:
        pod = self.pod(name)
        return pod if pod["status"]["phase"] in {"Succeeded", "Failed"} else None

    def waits_for_image(self, name: str) -> str | None:
        for status in self.pod(name)["status"].get("containerStatuses") or ():
            reason = (status["state"].get("waiting") or {}).get("reason")
            if reason in {"ErrImagePull", "ImagePullBackOff"}:
                return str(reason)
        return None


def test_a_session_from_its_first_node_to_the_last_trace_of_it(tmp_path: Path) -> None:
    engine = Engine()
    if engine.image_id(PYTHON) is None:
        engine.pull(PYTHON)
    session = KindSession.open(tmp_path)
    try:
        with server(session.gateway_address) as port:
            story = Story(session, port)
            session.images.load([PYTHON])
            session.nodes.prepare(2)
            nodes_are_what_their_plan_says(story)
            a_pod_of_the_nominal_size_runs_and_reaches_the_host(story)
            a_withdrawn_image_cannot_be_had_until_it_is_published_again(story)
            a_shared_directory_is_seen_from_both_sides(story)
            a_killed_node_is_lost_and_a_removed_one_leaves_nothing(story)
    finally:
        session.close()
    session.close()
    assert traces(engine, session.name, tmp_path) == []


def nodes_are_what_their_plan_says(story: Story) -> None:
    story.launch(HEAVY, "r6i.2xlarge", taints=[HEAVY_TAINT])
    story.launch(SMALL, "t3.medium")
    assert story.session.nodes.names() == [HEAVY, SMALL]
    for name, instance_type, taints in ((HEAVY, "r6i.2xlarge", [HEAVY_TAINT]), (SMALL, "t3.medium", [])):
        node, capacity = story.node(name), Capacity.of(instance_type)
        assert node["spec"]["providerID"] == f"aws:///us-east-1a/i-{name}"
        labels = node["metadata"]["labels"]
        assert labels["node.kubernetes.io/instance-type"] == instance_type
        assert labels["kubernetes.io/hostname"] == name
        own = [taint for taint in node["spec"].get("taints", []) if not taint["key"].startswith("node.kubernetes.io/")]
        assert own == taints
        status = node["status"]
        assert status["capacity"]["cpu"] == str(capacity.cpus)
        assert status["capacity"]["memory"] == f"{capacity.memory_mib}Mi"
        assert status["capacity"]["pods"] == str(capacity.pods)
        assert status["allocatable"]["cpu"] == f"{capacity.cpus * 1000 - capacity.reserved_cpu_m}m"
        left_mib = capacity.memory_mib - capacity.reserved_memory_mib - capacity.eviction_memory_mib
        assert status["allocatable"]["memory"] == f"{left_mib}Mi"
    control_plane = story.node(f"{story.session.name}-control-plane")
    assert [taint["key"] for taint in control_plane["spec"]["taints"]] == ["node-role.kubernetes.io/control-plane"]


def a_pod_of_the_nominal_size_runs_and_reaches_the_host(story: Story) -> None:
    story.session.images.publish({IMAGE: PYTHON})
    story.run_pod(
        "heavy",
        IMAGE,
        container={"resources": {"requests": {"cpu": "6", "memory": "48Gi"}, "limits": {"memory": "48Gi"}}},
        tolerations=[{**HEAVY_TAINT, "operator": "Equal"}],
    )
    ended = eventually("a pod of 6 CPUs and 48Gi has ended", lambda: story.ended("heavy"))
    assert ended["spec"]["nodeName"] == HEAVY
    assert ended["status"]["phase"] == "Succeeded"
    said = story.session.engine.execute(
        f"{story.session.name}-control-plane",
        ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "logs", "heavy"],
    )
    assert said.strip() == "from the host"


def a_withdrawn_image_cannot_be_had_until_it_is_published_again(story: Story) -> None:
    story.session.images.withdraw(IMAGE)
    story.run_pod("small", IMAGE)
    eventually("a pod waits for its image", lambda: story.waits_for_image("small"))
    story.session.images.publish({IMAGE: PYTHON})
    ended = eventually("the pod has its image", lambda: story.ended("small"))
    assert (ended["spec"]["nodeName"], ended["status"]["phase"]) == (SMALL, "Succeeded")


def a_shared_directory_is_seen_from_both_sides(story: Story) -> None:
    session = story.session
    session.nodes.run(HEAVY, ["tee", f"{SHARED}/note"], stdin=b"from a node")
    assert (session.shared / "note").read_bytes() == b"from a node"
    assert session.nodes.run(SMALL, ["cat", f"{SHARED}/note"]) == "from a node"
    session.run(["chown", "10001:10001", f"{SHARED}/note"])
    assert (session.shared / "note").stat().st_uid == 10001
    with pytest.raises(EngineError, match="nowhere"):
        session.nodes.run(SMALL, ["cat", "/nowhere"])


def a_killed_node_is_lost_and_a_removed_one_leaves_nothing(story: Story) -> None:
    nodes, engine, name = story.session.nodes, story.session.engine, story.session.name
    eventually("the small node is ready", lambda: story.is_ready(SMALL) == "True" or None)
    nodes.pause(HEAVY)
    nodes.kill(SMALL)
    nodes.kill(SMALL)
    eventually("the killed node is lost", lambda: story.is_ready(SMALL) == "Unknown" or None)
    eventually("the paused node is lost", lambda: story.is_ready(HEAVY) == "Unknown" or None)
    nodes.unpause(HEAVY)
    eventually("the paused node is back", lambda: story.is_ready(HEAVY) == "True" or None)
    nodes.remove(SMALL)
    nodes.settle()
    assert nodes.names() == [HEAVY]
    assert engine.containers(f"{name}-node-") == [f"{name}-node-1"]
    assert sorted(story.session.run(["ls", "/images"]).split()) == [f"{name}-node-1", "golden"]
    # a launch after a removal is a container of its own, with what is published now
    story.launch(LATE, "t3.medium")
    assert IMAGE in nodes.run(LATE, ["ctr", "--namespace", "k8s.io", "images", "ls", "-q"]).split()
    story.session.images.restore()
    assert IMAGE not in nodes.run(LATE, ["ctr", "--namespace", "k8s.io", "images", "ls", "-q"]).split()


def traces(engine: Engine, name: str, root: Path) -> list[str]:
    """What is left of a session."""
    named = [engine.call(kind, "ls", "--format", "{{.Name}}").split() for kind in ("volume", "network")]
    return [
        *engine.containers(name),
        *(one for names in named for one in names if one.startswith(name)),
        *(str(path) for path in (root / "build" / "kind").iterdir()),
    ]


OPEN = """
import sys, time
from pathlib import Path
from harness.targets.kind.session import KindSession

session = KindSession.open(Path(sys.argv[1]))
session.nodes.prepare(1)
session.nodes.settle()
print(session.name, flush=True)
time.sleep(600)
"""


def test_given_a_session_that_was_killed_then_all_of_it_is_cleared(tmp_path: Path) -> None:
    engine = Engine()
    with subprocess.Popen([sys.executable, "-c", OPEN, str(tmp_path)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        name = run.stdout.readline().strip()
        # given a session that goes on, then it is let alone
        assert clear_leftovers(tmp_path) == 0
        os.kill(run.pid, signal.SIGKILL)
    assert len(engine.containers(name)) == 3
    assert clear_leftovers(tmp_path) == 1
    assert traces(engine, name, tmp_path) == []
