"""Nodes that come and go: every launch is a container that never was a node before, and joins under the name, labels, taints and capacity of its plan.

Launches are done one at a time, as two that join together are both later than two that join in turn. A container that was prepared beforehand (it idles at
16 MB) saves half of a launch. What happens to the Node object afterwards is the caller's: a killed or removed container leaves it as a lost machine does.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.kube.errors import NotFound
from harness.kube.remote import Transport
from harness.targets.kind.containers import NodeContainers
from harness.targets.kind.engine import EngineError, is_gone
from harness.targets.kind.images import ImageStore
from harness.targets.kind.plans import PLACE, Forward, NodePlan, plan_archive
from harness.targets.kind.worker import Worker

__all__ = ["Done", "Forward", "NodeGone", "NodePlan", "Nodes"]

_REGISTERED_LIMIT_S = 60.0
_SETTLED_LIMIT_S = 300.0
_JOIN = f"mkdir -p {PLACE} && tar -x -C {PLACE} && exec sh {PLACE}/join.sh"

Done = Callable[[BaseException | None], None]


class NodeGone(Exception):
    """The node was removed, or killed, before it had joined."""


@dataclass
class _Machine:
    plan: NodePlan
    container: str = ""  # empty until its launch has its turn
    ended: bool = False


class Nodes:
    """The workers of one session. All methods return at once or in less than a second unless said otherwise, and may be called from any thread."""

    def __init__(
        self, containers: NodeContainers, images: ImageStore, transport: Transport, *, control_plane: str, gateway: str
    ) -> None:
        self._containers = containers
        self._engine = containers.engine
        self._images = images
        self._transport = transport
        self._control_plane = control_plane
        self._gateway = gateway
        self._lock = threading.Lock()
        self._machines: dict[str, _Machine] = {}
        self._prepared: deque[str] = deque()
        self._preparing = 0
        self._numbers = itertools.count(1)
        self._launcher = Worker(f"{containers.session} launches")
        self._remover = Worker(f"{containers.session} removals")

    def prepare(self, count: int) -> None:
        """Let there be `count` containers that can become any node, beside the launches that were asked for already."""
        with self._lock:
            missing = count - len(self._prepared) - self._preparing
            self._preparing += max(0, missing)
        for _ in range(missing):
            self._launcher.post(self._prepare)

    def launch(self, plan: NodePlan, done: Done) -> None:
        """Let a node join. `done` is called on the launching thread: with None once it is registered, else with what was in the way."""
        machine = _Machine(plan)
        with self._lock:
            if plan.name in self._machines:
                raise ValueError(f"node {plan.name} exists: remove it first")
            self._machines[plan.name] = machine
        self._launcher.post(lambda: self._launch(machine, done))

    def names(self) -> list[str]:
        """Nodes that were asked for and not removed: also those that are killed, paused or still joining."""
        with self._lock:
            return sorted(self._machines)

    def kill(self, name: str) -> None:
        """Stop a node as a power cut does. It stays dead; one that is still joining never will. Harmless when it is dead or removed."""
        with self._lock:
            machine = self._machines.get(name)
            if machine is None:
                return
            machine.ended = True
        if machine.container:
            try:
                self._engine.call("kill", machine.container)
            except EngineError as error:
                if not is_gone(error):
                    raise

    def pause(self, name: str) -> None:
        """Let every process of a node stand still."""
        self._engine.call("pause", self._joined(name))

    def unpause(self, name: str) -> None:
        """Let them go on."""
        container = self._joined(name)
        self._engine.call("unpause", container)
        self._images.sync(container)

    def remove(self, name: str) -> None:
        """Let a node's container, and all that it wrote, vanish; soon. Its name is free at once. Harmless when it is removed already."""
        with self._lock:
            machine = self._machines.pop(name, None)
            if machine is None:
                return
            machine.ended = True
            container = machine.container
        if container:
            self._remover.post(lambda: self._discard(container))

    def run(self, name: str, argv: Sequence[str], stdin: bytes | None = None) -> str:
        """Run a program on a node as root; its output. Raises EngineError with its words."""
        return self._engine.execute(self._joined(name), argv, stdin)

    def settle(self) -> None:
        """Wait until launches and removals are done. Raises what stood in the way of a removal or a preparation."""
        self._launcher.settle(_SETTLED_LIMIT_S)
        self._remover.settle(_SETTLED_LIMIT_S)

    def close(self) -> None:
        """Remove all nodes, also those that are joining, and end the threads. Raises EngineError."""
        with self._lock:
            for machine in self._machines.values():
                machine.ended = True
            self._machines.clear()
        try:
            self._engine.remove(self._engine.containers(f"{self._containers.session}-node-"))
        finally:
            self._launcher.stop()
            self._remover.stop()

    def _joined(self, name: str) -> str:
        with self._lock:
            machine = self._machines.get(name)
        if machine is None:
            raise LookupError(f"there is no node {name}: it was never launched, or has been removed")
        container = machine.container
        if not container:
            raise LookupError(f"node {name} has no machine yet: wait until its launch is done")
        return container

    def _prepare(self) -> None:
        try:
            container = self._new_container()
            with self._lock:
                self._prepared.append(container)
        finally:
            with self._lock:
                self._preparing -= 1

    def _new_container(self) -> str:
        container = f"{self._containers.session}-node-{next(self._numbers)}"
        self._containers.start_worker(container)
        self._images.attach(container)
        return container

    def _launch(self, machine: _Machine, done: Done) -> None:
        try:
            self._join(machine)
        except Exception as error:  # noqa: BLE001  told to who asked
            done(NodeGone(f"node {machine.plan.name} ended before it had joined") if machine.ended else error)
        else:
            done(None)

    def _join(self, machine: _Machine) -> None:
        plan = machine.plan
        if machine.ended:
            raise NodeGone(plan.name)
        container = self._prepared.popleft() if self._prepared else self._new_container()
        if not self._take(machine, container):
            raise NodeGone(plan.name)
        address = self._engine.address(container, self._containers.session)
        files = plan_archive(plan, control_plane=self._control_plane, gateway=self._gateway, address=address)
        self._engine.execute(container, ["sh", "-c", _JOIN], stdin=files)
        self._wait_registered(machine)

    def _take(self, machine: _Machine, container: str) -> bool:
        """Let the machine be that container, unless it was ended in the meantime: then another one can have it."""
        with self._lock:
            if machine.ended:
                self._prepared.append(container)
            else:
                machine.container = container
            return not machine.ended

    def _wait_registered(self, machine: _Machine) -> None:
        limit = time.monotonic() + _REGISTERED_LIMIT_S
        while not self._is_registered(machine.plan):
            if machine.ended:
                raise NodeGone(machine.plan.name)
            if time.monotonic() > limit:
                raise TimeoutError(
                    f"node {machine.plan.name} ({machine.plan.provider_id}) joined and did not register within "
                    f"{_REGISTERED_LIMIT_S:.0f} s: is there still a Node of that name?"
                )
            time.sleep(0.1)

    def _is_registered(self, plan: NodePlan) -> bool:
        try:
            node = self._transport.request("GET", f"/api/v1/nodes/{plan.name}")
        except NotFound:
            return False
        return bool(node["spec"].get("providerID") == plan.provider_id)

    def _discard(self, container: str) -> None:
        self._engine.remove([container])
        self._images.detach(container)
