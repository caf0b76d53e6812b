"""A world for kubelets: real are the kernel, the store, the kubelets and the modelled runtime; scripted are the images, the node's agents and the volumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.clock import SECOND, Kernel, Outcome, Seeds, Timeline, parse_time
from harness.cluster.kubelet import Kubelets
from harness.cluster.kubelet.runtimes import FixedProfile, ModelledRuntime, Profile
from harness.cluster.store import Store
from harness.kube.controllers import Manager
from harness.kube.events import Recorder
from harness.kube.hooks import ContainerStart, Hooks, Image, ImageError, MountError, PodRuntime, Provision
from harness.kube.objects import Object, new_object
from harness.kube.resources import EVENTS, NODES, PODS

START_US = parse_time("2026-03-01T08:00:00Z")


class Images:
    """Every image exists; those of `registry/` are services named by their last part; `missing` ones do not."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.size_bytes = 0
        self.entrypoints: dict[str, tuple[str, ...]] = {}

    def resolve(self, reference: str) -> Image:
        if reference in self.missing:
            raise ImageError(f"{reference}: not found")
        if reference.startswith("registry/"):
            service = reference.removeprefix("registry/").partition(":")[0]
            entrypoint = self.entrypoints.get(service, ("python", "-m", "pipeline", service))
            return Image(reference, service, entrypoint, self.size_bytes)
        return Image(reference, None, (), self.size_bytes)


class Agent:
    """Gives what `provision` says and remembers who came and went."""

    def __init__(self) -> None:
        self.provision = Provision()
        self.seen: list[tuple[str, str]] = []

    def provide(self, pod: Object, container: str, party: str) -> Provision:
        self.seen.append(("provide", party))
        return self.provision

    def withdraw(self, party: str) -> None:
        self.seen.append(("withdraw", party))


class SharedVolumes:
    """One directory a PersistentVolume."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.error: str | None = None

    def mount(self, pod: Object, volume: Object) -> Path:
        if self.error is not None:
            raise MountError(self.error)
        path = self.root / str(volume["metadata"]["name"])
        path.mkdir(parents=True, exist_ok=True)
        return path


class World:
    """Everything a test touches. `runtime` replaces the modelled one."""

    def __init__(
        self, tmp_path: Path, make_runtime: Callable[[World], PodRuntime] | None = None, *, wall_limit_s: float = 30
    ) -> None:
        self.state_dir = tmp_path / "state"
        self.kernel = Kernel(START_US, wall_limit_s=wall_limit_s)
        self.timeline = Timeline(lambda: self.kernel.now)
        self.store = Store(self.kernel, Seeds(7))
        self.recorder = Recorder(self.kernel, self.store, self.store, self.timeline, "test")
        self.images, self.agent, self.volumes = Images(), Agent(), SharedVolumes(tmp_path / "shared")
        self.profiles: dict[str, Profile] = {}  # by container name
        self.runtime: PodRuntime = make_runtime(self) if make_runtime is not None else self.modelled()
        self.hooks = Hooks(self.images, self.runtime, self.agent, self.volumes)
        self.kubelets = Kubelets(
            self.kernel, self.store, self.store, self.recorder, self.hooks, self.state_dir, version="v1.34.4"
        )
        Manager(self.kernel, self.store).add(self.kubelets)
        self.seen: list[Object] = []  # every state of every pod
        self.store.observe(PODS, lambda _change, pod, _old: self.seen.append(pod))
        self.kernel.start()

    def modelled(self, **options: Any) -> ModelledRuntime:
        def profile_for(start: ContainerStart) -> Profile | None:
            return self.profiles.get(start.container)

        return ModelledRuntime(self.kernel, self.timeline, profile_for, **options)

    def close(self) -> None:
        self.kernel.close()

    def node(self, name: str = "n1", *, cpu: str = "4", memory: str = "8Gi", **labels: str) -> None:
        """Register a node and let its kubelet join."""
        amounts = {"cpu": cpu, "memory": memory, "pods": "20", "ephemeral-storage": "20Gi"}
        node = new_object(
            NODES,
            name,
            labels={"kubernetes.io/hostname": name, **{key.replace("__", "/"): value for key, value in labels.items()}},
            spec={},
            status={"capacity": amounts, "allocatable": amounts},
        )

        def register() -> None:
            self.store.create(NODES, node)
            self.store.patch(NODES, None, name, {"status": node["status"]}, subresource="status")
            self.kubelets.join(name)

        self.kernel.call(register)

    def pod(self, name: str = "p", *containers: dict[str, Any], node: str | None = "n1", **spec: Any) -> Object:
        """Create a pod that is bound already."""
        labels, finalizers = spec.pop("labels", None), spec.pop("finalizers", None)
        body = {"nodeName": node, "containers": list(containers) or [app()], **spec}
        if node is None:
            del body["nodeName"]
        pod = new_object(PODS, name, "default", labels=labels, spec=body)
        if finalizers:
            pod["metadata"]["finalizers"] = finalizers
        return self.kernel.call(lambda: self.store.create(PODS, pod))

    def get(self, name: str = "p") -> Object:
        found = self.kernel.call(lambda: self.store.get(PODS, "default", name))
        assert found is not None, f"pod {name} does not exist"
        return found

    def exists(self, name: str = "p") -> bool:
        return self.kernel.call(lambda: self.store.get(PODS, "default", name)) is not None

    def delete(self, name: str = "p", grace_s: int | None = None) -> None:
        self.kernel.call(lambda: self.store.delete(PODS, "default", name, grace_period_s=grace_s))

    def advance(self, duration_s: float) -> None:
        """Let exactly that much virtual time pass."""
        end_us = self.kernel.now + round(duration_s * SECOND)
        self.kernel.post(lambda: None if self.kernel.now > end_us else _timer(self.kernel, end_us))
        self.kernel.wait(lambda: self.kernel.now >= end_us, round(duration_s * SECOND) + SECOND)

    def until(self, condition: Callable[[], bool], limit_s: float = 3600) -> None:
        outcome = self.kernel.wait(condition, round(limit_s * SECOND))
        assert outcome is Outcome.MET, f"{outcome.value}: {self.timeline.as_jsonl()}"

    def until_phase(self, phase: str, name: str = "p", limit_s: float = 3600) -> Object:
        def reached() -> bool:
            found = self.store.get(PODS, "default", name)
            return found is not None and found["status"].get("phase") == phase

        self.until(reached, limit_s)
        return self.get(name)

    def until_gone(self, name: str = "p", limit_s: float = 3600) -> None:
        self.until(lambda: self.store.get(PODS, "default", name) is None, limit_s)

    @property
    def elapsed_s(self) -> float:
        return (self.kernel.now - START_US) / SECOND

    def events(self, name: str = "p") -> list[tuple[float, str, str]]:
        """(seconds since the start, reason, message) of what the kubelet said of a pod."""
        return [
            ((record.at_us - START_US) / SECOND, record.kind, record.details["message"])
            for record in self.timeline
            if record.subject == f"Pod/default/{name}" and record.details.get("component") == "kubelet"
        ]

    def reasons(self, name: str = "p") -> list[str]:
        return [reason for _, reason, _ in self.events(name)]

    def stored_events(self) -> list[Object]:
        return list(self.kernel.call(lambda: self.store.list(EVENTS)))


def _timer(kernel: Kernel, when_us: int) -> None:
    kernel.at(when_us, lambda: None)


def app(name: str = "main", image: str = "pause:3", **more: Any) -> dict[str, Any]:
    """A container of a foreign image."""
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", **more}


def service(name: str = "main", **more: Any) -> dict[str, Any]:
    """A container of one of our services."""
    return app(name, more.pop("image", "registry/ebi:v1"), **more)


def work(key: str = "w", duration_s: float = 30, exit_code: int = 0, **more: Any) -> FixedProfile:
    return FixedProfile(key, duration_s, exit_code, **more)


def condition(pod: Object, kind: str) -> dict[str, Any]:
    return next(dict(entry) for entry in pod["status"]["conditions"] if entry["type"] == kind)
