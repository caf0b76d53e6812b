"""Starting one container: its image, its configuration, its process; with the events and waiting reasons of
kubernetes 1.34 `pkg/kubelet/images` and `kuberuntime`.

A failed attempt leaves the container waiting with the moment of the next attempt; nothing here decides whether a
container should run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.clock import SECOND, Kernel
from harness.cluster.kubelet.addresses import Addresses
from harness.cluster.kubelet.backoff import LOOK_US, format_duration
from harness.cluster.kubelet.containers import Container, Pull, Running, container_id_of, image_id_of
from harness.cluster.kubelet.environment import ConfigError, environment_of, expand
from harness.cluster.kubelet.logs import Logs
from harness.cluster.kubelet.node import KubeletNode, NodeStatus
from harness.cluster.kubelet.pulls import PullModel
from harness.cluster.kubelet.stopping import post_start_s
from harness.cluster.kubelet.volumes import PodView, Volumes, mounts_of
from harness.kube import quantity
from harness.kube.client import Reader, Writer
from harness.kube.events import Recorder
from harness.kube.hooks import ContainerExit, ContainerRefused, ContainerStart, Hooks, Image, ImageError, Provision
from harness.kube.objects import Object, key_of, name_of, namespace_of, uid_of
from harness.kube.resources import NODES

_NEXT_LOOK_US = SECOND  # the sync that the new sandbox's event brings

Ended = Callable[[Container, ContainerExit], None]


@dataclass
class Starter:
    """What all pod workers share."""

    kernel: Kernel
    reader: Reader
    writer: Writer
    recorder: Recorder
    hooks: Hooks
    volumes: Volumes
    logs: Logs
    addresses: Addresses
    pulls: PullModel
    nodes: NodeStatus
    live: set[str] = field(default_factory=set)  # parties that have not ended
    _mounted: dict[str, dict[str, Path]] = field(default_factory=dict)
    _sandboxes: dict[str, int] = field(default_factory=dict)  # since when there is one

    def mount(self, pod: Object, addresses: Mapping[str, str]) -> None:
        """Set up the pod's volumes. Raises MountFailed."""
        view = PodView(pod, addresses, lambda volume: self._is_real(pod, volume))
        self._mounted[uid_of(pod)] = self.volumes.set_up(view)
        self._sandboxes[uid_of(pod)] = self.kernel.now

    def forget(self, pod_uid: str) -> None:
        """The pod is over."""
        self._mounted.pop(pod_uid, None)
        self._sandboxes.pop(pod_uid, None)

    def back_off(self, pod: Object, container: Container) -> None:
        """Let a container wait until a later look: it is said to have ended at the first, and to be in CrashLoopBackOff at the next."""
        where = f"{name_of(pod)}_{namespace_of(pod)}({uid_of(pod)})"
        delay = format_duration(container.crash.delay_us)
        text = f"back-off {delay} restarting failed container={container.name} pod={where}"
        if container.backs_off:
            container.wait("CrashLoopBackOff", text)
        container.backs_off = True
        container.retry_us = self.kernel.now + LOOK_US
        event = f"Back-off restarting failed container {container.name} in pod {where}"
        self.recorder.event(pod, "Warning", "BackOff", event)

    def start(
        self, pod: Object, node: KubeletNode, container: Container, addresses: Mapping[str, str], ended: Ended
    ) -> str | None:
        """Try to start `container`; its party name, or None when it has to wait."""
        restarts = container.restarts + 1 if container.previous is not None else 0
        party = f"{key_of(pod)}/{container.name}/{restarts}"
        if party in self.live:
            container.retry_us = self.kernel.now + SECOND  # a namesake that was deleted by force has not ended yet
            return None
        image = self._image(pod, node, container)
        if image is None:
            return None
        try:
            start = self._assemble(pod, container, image, party, addresses)
        except ConfigError as error:
            self._fail(pod, container, "CreateContainerConfigError", str(error))
            return None

        def on_end(exit_: ContainerExit) -> None:
            self.live.discard(party)
            if image.service is not None:
                self.hooks.agent.withdraw(party)
            ended(container, exit_)

        try:
            self.hooks.runtime.start(start, on_end)
        except ContainerRefused as refusal:
            if image.service is not None:
                self.hooks.agent.withdraw(party)
            self._fail(pod, container, "CreateContainerError", str(refusal))
            return None
        self.live.add(party)
        container.last = container.previous
        container.backs_off = False
        container.state = Running(self.kernel.now)
        container.restarts = restarts
        container.party, container.log = party, start.log_path
        hook_s = post_start_s(container.spec)
        container.hook_until_us, container.starting = self.kernel.now + hook_s * SECOND, hook_s > 0
        container.container_id = container_id_of(uid_of(pod), container.name, restarts)
        container.image_id = image_id_of(container.image)
        self.recorder.event(pod, "Normal", "Created", f"Created container: {container.name}")
        self.recorder.event(pod, "Normal", "Started", f"Started container {container.name}")
        return party

    def _is_real(self, pod: Object, volume: str) -> bool:
        everyone = (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])
        for container in everyone:
            if any(mount["name"] == volume for mount in container.get("volumeMounts") or ()):
                try:
                    if self.hooks.images.resolve(str(container["image"])).service is not None:
                        return True
                except ImageError:
                    continue  # what cannot be pulled cannot reach anything
        return False

    def _next_look_us(self, pod: Object) -> int:
        """When the kubelet looks again at what failed."""
        is_new = self.kernel.now - self._sandboxes[uid_of(pod)] < _NEXT_LOOK_US
        return self.kernel.now + (_NEXT_LOOK_US if is_new else LOOK_US)

    def _fail(self, pod: Object, container: Container, reason: str, message: str) -> None:
        container.wait(reason, message)
        container.retry_us = self._next_look_us(pod)
        self.recorder.event(pod, "Warning", "Failed", f"Error: {message}")

    # -- image ------------------------------------------------------------------------------------------------------

    def _image(self, pod: Object, node: KubeletNode, container: Container) -> Image | None:
        """The image once it is on the node; None while it is not."""
        if container.pulling is not None:
            return self._pulled(pod, node, container, container.pulling)
        reference, policy = container.image, _pull_policy(container.spec)
        present = node.images.present.get(reference)
        if present is not None and policy != "Always":
            self.recorder.event(pod, "Normal", "Pulled", f'Container image "{reference}" already present on machine')
            return present
        if policy == "Never":
            text = f'Container image "{reference}" is not present with pull policy of Never'
            container.wait("ErrImageNeverPull", text)
            container.retry_us = self._next_look_us(pod)
            self.recorder.event(pod, "Warning", "ErrImageNeverPull", text)
            self.recorder.event(pod, "Warning", "Failed", "Error: ErrImageNeverPull")
            return None
        if container.pull_failed is not None and self.kernel.now < container.pull.until(container.pull_failed[0]):
            self._pull_back_off(pod, container, *container.pull_failed)
            return None
        self.recorder.event(pod, "Normal", "Pulling", f'Pulling image "{reference}"')
        try:
            image = self.hooks.images.resolve(reference)
        except ImageError as error:
            self._pull_failed(pod, container, str(error))
            return None
        found = self.reader.get(NODES, None, node.name)
        takes_us = 0 if present is not None or found is None else self.pulls.duration_us(image, found)
        _, done_us = node.images.pull(image, self.kernel.now, takes_us)
        container.pulling = Pull(image, self.kernel.now, done_us)
        return self._pulled(pod, node, container, container.pulling)

    def _pulled(self, pod: Object, node: KubeletNode, container: Container, pull: Pull) -> Image | None:
        if self.kernel.now < pull.done_us:
            return None
        container.pulling = None
        container.pull_failed = None
        container.pull.reset()
        if node.images.arrived(pull.image):
            self.nodes.images_changed(node)
        took = _milliseconds(self.kernel.now - pull.begun_us)
        text = f'Successfully pulled image "{container.image}" in {took} ({took} including waiting).'
        self.recorder.event(pod, "Normal", "Pulled", f"{text} Image size: {pull.image.size_bytes} bytes.")
        return pull.image

    def _pull_failed(self, pod: Object, container: Container, message: str) -> None:
        now = self.kernel.now
        container.pull.advance(now, now)
        container.pull_failed = (now, message)
        container.wait("ErrImagePull", message)
        container.retry_us = now + _NEXT_LOOK_US
        self.recorder.event(pod, "Warning", "Failed", f'Failed to pull image "{container.image}": {message}')
        self.recorder.event(pod, "Warning", "Failed", "Error: ErrImagePull")

    def _pull_back_off(self, pod: Object, container: Container, failed_us: int, message: str) -> None:
        text = f'Back-off pulling image "{container.image}"'
        container.wait("ImagePullBackOff", f"{text}: ErrImagePull: {message}")
        container.retry_us = container.pull.until(failed_us)
        self.recorder.event(pod, "Normal", "BackOff", text)
        self.recorder.event(pod, "Warning", "Failed", "Error: ImagePullBackOff")

    # -- configuration ----------------------------------------------------------------------------------------------

    def _assemble(
        self, pod: Object, container: Container, image: Image, party: str, addresses: Mapping[str, str]
    ) -> ContainerStart:
        spec = container.spec
        env = environment_of(self.reader, pod, spec, addresses)
        mounts, errors = mounts_of(spec, self._mounted[uid_of(pod)], env)
        if errors:
            raise ConfigError(errors[0])
        command = spec.get("command") or image.entrypoint
        argv = tuple(expand(str(word), env) for word in (*command, *(spec.get("args") or ())))
        provision = Provision()
        if image.service is not None:
            provision = self.hooks.agent.provide(pod, container.name, party)
        files = self.volumes.write_files(uid_of(pod), party, provision.files)
        limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
        return ContainerStart(
            party=party,
            pod=pod,
            container=container.name,
            image=image,
            argv=argv,
            env={**dict(image.env), **env, **provision.env},
            mounts={**mounts, **files},
            working_dir=str(spec.get("workingDir") or image.working_dir),
            memory_limit_bytes=None if limit is None else quantity.whole(limit),
            log_path=self.logs.begin(pod, container.name),
        )


def _pull_policy(spec: Object) -> str:
    policy = spec.get("imagePullPolicy")
    if policy:
        return str(policy)
    name = str(spec["image"]).rsplit("/", 1)[-1]
    tag = name.partition("@")[0].partition(":")[2]
    return "Always" if "@" not in name and tag in {"", "latest"} else "IfNotPresent"


def _milliseconds(duration_us: int) -> str:
    """As Go prints a duration that was truncated to milliseconds: `850ms`, `2.5s`, `1m30.5s`."""
    milliseconds = duration_us // 1000
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest // 1000}.{rest % 1000:03d}".rstrip("0").rstrip(".") + "s"
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes_left}m{text}"
    return f"{minutes}m{text}" if minutes else text
