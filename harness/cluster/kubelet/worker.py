"""The life of one pod on its node, from admission to the end.

How it works. `sync` is level-triggered: it looks at the pod and at what the worker remembers, does whatever is due,
writes the status if it changed, and sets one timer for the next moment at which something is due. Ends of containers
and changes of the pod call it too. Starting a pod takes no time of its own: only image pulls, back-offs and the
containers do. Follows kubernetes 1.34 `pkg/kubelet` (pod_workers.go, kubelet.go SyncPod, kuberuntime): volumes,
sandbox, init containers in order (sidecars stay), containers in order; on an end the restart policy and the crash
back-off decide; at the end of the pod sidecars go last, in reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from harness.clock import SECOND, Kernel, Timer, parse_time
from harness.cluster.kubelet import pressure
from harness.cluster.kubelet.admission import admit, request_of
from harness.cluster.kubelet.containers import Container, Running, Terminated, containers_of, restarts_after
from harness.cluster.kubelet.ending import Ending
from harness.cluster.kubelet.logs import last_words
from harness.cluster.kubelet.node import KubeletNode
from harness.cluster.kubelet.probes import Prober
from harness.cluster.kubelet.starter import Starter
from harness.cluster.kubelet.status import Facts, Verdict, phase_of, rejected_status, restart_policy_of, status_of
from harness.cluster.kubelet.stopping import lose_the_waiting
from harness.cluster.kubelet.volumes import MountFailed
from harness.kube.errors import Conflict, NotFound
from harness.kube.hooks import ContainerExit
from harness.kube.metrics import Usage
from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import NODES, PODS

_MOUNT_FIRST_US = SECOND // 2
_MOUNT_LAST_US = 122 * SECOND
_DEFAULT_GRACE_S = 30
_LEAST_GRACE_S = 1
_DEADLINE = Verdict("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
_SHUTTING_DOWN = Verdict("NodeShutdown", "Pod was rejected as the node is shutting down.")


class PodWorker:
    """One pod on one node. All of it runs on the kernel's thread."""

    def __init__(
        self,
        kernel: Kernel,
        starter: Starter,
        node: KubeletNode,
        pod: Object,
        neighbours: Callable[[PodWorker], list[Mapping[str, int]]],
        on_idle: Callable[[PodWorker], None],
        on_change: Callable[[KubeletNode, Usage | None], None],
    ) -> None:
        self.pod = pod
        self.node = node
        self.key = key_of(pod)
        self.uid = uid_of(pod)
        self.stopped = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
        self.dropped = False  # nothing is written about it any more
        self._kernel = kernel
        self._tools = starter
        self._neighbours = neighbours
        self._on_idle = on_idle
        self._on_change = on_change
        self._admitted = False
        self._address: str | None = None
        self._started_us: int | None = None
        self._sandbox = False
        self._initialized = False  # once the init containers are through, a sidecar's crash holds nothing up
        self._mount_wait_us = 0
        self._mount_retry_us = 0
        self._timer: Timer | None = None
        self._containers = containers_of(pod)
        self._ending = Ending(kernel, starter, self._containers, lambda: self.pod)
        self._prober = Prober(starter.hooks.runtime, starter.recorder, self._containers, lambda: kernel.now, self.sync)

    @cached_property
    def request(self) -> Mapping[str, int]:
        """What it asks for."""
        return request_of(self.pod)

    @property
    def idle(self) -> bool:
        """Whether no container of it runs."""
        return not any(container.is_running for container in self._containers)

    @property
    def admitted(self) -> bool:
        """Whether it takes up room on the node."""
        return self._admitted and not self.stopped

    @property
    def ending(self) -> bool:
        """Whether it has been told to end."""
        return self._ending.begun

    def usage(self) -> dict[str, Usage]:
        """What each running container uses, as far as it is known."""
        runtime = self._tools.hooks.runtime
        usages = {
            entry.name: runtime.usage(entry.party) for entry in self._containers if entry.is_running and entry.party
        }
        return {name: usage for name, usage in usages.items() if usage is not None}

    def party_of(self, container: str) -> str | None:
        """The latest party name of a container, if it was ever started."""
        return next((entry.party for entry in self._containers if entry.name == container), None)

    def sync(self) -> None:
        """Do what is due."""
        if self.dropped:
            return
        namespace, name = split_key(self.key)
        pod = self._tools.reader.get(PODS, namespace, name)
        if pod is None or uid_of(pod) != self.uid:
            self.abandon()
            return
        self.pod = pod
        if not self.stopped:
            for container in self._containers:
                container.starting = container.starting and self._kernel.now < container.hook_until_us
            self._look_for_an_end()
            self._run()
            while self._probe():  # a container has started for good, or become ready: what waited for it goes on
                self._run()
            if self._ending.begun and self._ending.stop_all():
                lose_the_waiting(self._containers)
                self.stopped = True
            self._ending.signal()
            self._publish()
        if self.stopped and is_deleting(self.pod):
            self._delete()
            return
        self._set_timer()

    def end(self, grace_s: int | None, verdict: Verdict | None) -> None:
        """Stop the pod by the kubelet's own decision; its own grace period holds unless `grace_s` is shorter."""
        if self.stopped or self._ending.begun or self.dropped:
            return
        own = self._own_grace_s()
        self._ending.begin(own if grace_s is None else min(own, grace_s), verdict)
        self.sync()

    def abandon(self) -> None:
        """The pod was taken out of the store while it ran (forced deletion): end it as the kubelet does, with one second of grace."""
        if self.dropped:
            return
        self._drop()
        self._ending.begin(_LEAST_GRACE_S, None)
        self._stop_unseen()

    def _stop_unseen(self) -> None:
        """Stop what still runs of a pod that is no longer in the store, where nothing else wakes this worker."""
        self._ending.stop_all()
        self._ending.signal()
        for moment_us in self._ending.due_us():
            self._kernel.at(moment_us, self._stop_unseen)
        self._settle()

    def lose_machine(self) -> None:
        """The machine is gone: its processes with it, and nobody to write about it."""
        if self.dropped:
            return
        self._drop()
        for container in self._containers:
            if container.is_running and container.party is not None:
                self._tools.hooks.runtime.kill(container.party)
        self._settle()

    def _drop(self) -> None:
        self.dropped = True
        if self._timer is not None:
            self._timer.cancel()

    def _settle(self) -> None:
        """Once nothing runs: give back directories and address."""
        if not self.idle:
            return
        self._tools.volumes.tear_down(self.uid)
        if self._address is not None and not self.pod["spec"].get("hostNetwork"):
            self._tools.addresses.release(self.node.name, self._address)
        self._address = None
        self._on_idle(self)

    # -- living -----------------------------------------------------------------------------------------------------

    def _look_for_an_end(self) -> None:
        if is_deleting(self.pod):
            grace_s = self.pod["metadata"].get("deletionGracePeriodSeconds")
            self._ending.begin(self._own_grace_s() if grace_s is None else int(grace_s), None)
        elif (self.pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
            self._ending.begin(self._own_grace_s(), None)  # somebody else declared its end
        elif (
            not self._ending.begun
            and self._deadline_us() is not None
            and self._kernel.now >= (self._deadline_us() or 0)
        ):
            self._tools.recorder.event(self.pod, "Normal", _DEADLINE.reason, _DEADLINE.message)
            self._ending.begin(self._own_grace_s(), _DEADLINE)

    def _own_grace_s(self) -> int:
        grace_s = self.pod["spec"].get("terminationGracePeriodSeconds")
        return _DEFAULT_GRACE_S if grace_s is None else int(grace_s)

    def _deadline_us(self) -> int | None:
        limit_s = self.pod["spec"].get("activeDeadlineSeconds")
        if limit_s is None or self._started_us is None:
            return None
        return self._started_us + int(limit_s) * SECOND

    def _run(self) -> None:
        if self._ending.begun:
            return
        if not self._admitted and not self._admit():
            return
        if not self._prepare():
            return
        for container in self._containers:
            if container.role == "app":
                break
            self._advance(container)
            ready = container.started if container.role == "sidecar" else container.exit_code == 0
            if not ready and not self._initialized:
                self._end_if_over()
                return
        self._initialized = True
        for container in self._containers:
            if container.role == "app":
                self._advance(container)
                if container.pulling is not None or container.starting:
                    break  # one container after the other, as SyncPod goes
        self._end_if_over()

    def _admit(self) -> bool:
        verdict = _SHUTTING_DOWN if self.node.shutting_down else None
        node = self._tools.reader.get(NODES, None, self.node.name)
        if verdict is None and self.node.memory_pressure:
            verdict = pressure.refusal(self.pod)
        if verdict is None and node is not None:
            verdict = admit(self.pod, node, self._neighbours(self))
        if verdict is None:
            self._admitted = True
            self._started_us = self._kernel.now
            known = (self.pod.get("status") or {}).get("startTime")
            if known is not None:
                self._started_us = parse_time(known)
            return True
        if verdict is not _SHUTTING_DOWN:
            self._tools.recorder.event(self.pod, "Warning", verdict.reason, verdict.message)
            verdict = Verdict(verdict.reason, f"Pod was rejected: {verdict.message}")
        self.stopped = True
        self._write(rejected_status(self.pod, verdict, self._kernel.now))
        self._settle()
        return False

    def _prepare(self) -> bool:
        """Volumes, then the sandbox with its address."""
        if self._sandbox:
            return True
        if self._kernel.now < self._mount_retry_us:
            return False
        if self._address is None:
            host = bool(self.pod["spec"].get("hostNetwork"))
            self._address = self.node.address if host else self._tools.addresses.take(self.node.name)
        try:
            self._tools.mount(self.pod, self._addresses())
        except MountFailed as error:
            self._mount_wait_us = min(max(self._mount_wait_us * 2, _MOUNT_FIRST_US), _MOUNT_LAST_US)
            self._mount_retry_us = self._kernel.now + self._mount_wait_us
            self._tools.recorder.event(self.pod, "Warning", "FailedMount", str(error))
            return False
        self._sandbox = True
        return True

    def _addresses(self) -> dict[str, str]:
        return {"status.podIP": self._address or "", "status.hostIP": self.node.address}

    def _advance(self, container: Container) -> None:
        """Bring one container towards running, as far as it goes now."""
        if container.is_running or self._kernel.now < container.retry_us:
            return
        previous = container.previous
        if isinstance(container.state, Terminated):
            if not restarts_after(container, restart_policy_of(self.pod), container.state.exit_code):
                container.last = None  # of the runs that ended only the latest is kept
                return
            if container.probed_to_death:
                # The sync that kills for a probe starts the next run at once, and looks for a back-off only at the run before the one that it killed.
                container.probed_to_death = False
                previous = container.last
        ended_us = previous.finished_us or self._kernel.now if previous is not None else 0
        waits = previous is not None and self._kernel.now < container.crash.until(ended_us)
        if container.pulling is None and waits:
            self._tools.back_off(self.pod, container)
            return
        party = self._tools.start(self.pod, self.node, container, self._addresses(), self._ended)
        if party is None:
            return
        self._prober.settle([container])
        self._on_change(self.node, self._tools.hooks.runtime.usage(party))
        if previous is not None:
            container.crash.advance(self._kernel.now, previous.finished_us or self._kernel.now)

    def _ended(self, container: Container, exit_: ContainerExit) -> None:
        """A container's process has ended."""
        started_us = container.state.started_us if isinstance(container.state, Running) else None
        container.state = Terminated(
            exit_code=exit_.exit_code,
            reason=exit_.reason,
            message=exit_.message or _last_words(container, exit_),
            signal=exit_.signal,
            started_us=started_us,
            finished_us=self._kernel.now,
            container_id=container.container_id,
        )
        container.stopping = None
        container.starting = False
        container.started = container.ready = False
        self._on_change(self.node, None)
        if self.dropped:
            self._settle()
            return
        namespace, name = split_key(self.key)
        pod = self._tools.reader.get(PODS, namespace, name)
        if pod is not None and uid_of(pod) == self.uid:
            self.pod = pod
            self._publish()  # so that everybody sees the end before a restart hides it
        self.sync()

    def _end_if_over(self) -> None:
        """A pod whose containers are done for good comes to its end: sidecars stop, the terminal phase is written."""
        policy = restart_policy_of(self.pod)
        if not self._ending.begun and phase_of(self._containers, policy, stopped=False) in {"Succeeded", "Failed"}:
            self._ending.begin(self._own_grace_s(), None)

    def _probe(self) -> bool:
        """Let the probes look, and end the containers that failed theirs; whether a container's state has another meaning since."""
        self._prober.settle(self._containers)
        found = False
        while self._prober.look(self.pod, ending=self._ending.begun):
            self._prober.settle(self._containers)
            found = True
        for probe in () if self._ending.begun else list(self._prober.failed()):
            container = probe.container
            if container.stopping is None:
                restarts = container.role == "sidecar" or restart_policy_of(self.pod) != "Never"
                if not restarts and self._is_last(container):
                    self._ending.begin(self._own_grace_s(), None)  # nothing is left that runs: the pod is stopped
                    break
                text = f"Container {container.name} failed {probe.kind.lower()} probe"
                container.probed_to_death = True
                self._ending.stop(
                    container,
                    probe.number("terminationGracePeriodSeconds", self._own_grace_s()),
                    f"{text}, will be restarted" if restarts else text,
                    ordered=False,
                )
        return found

    def _is_last(self, container: Container) -> bool:
        """Whether no other container of the pod's own runs, or will."""
        others = [other for other in self._containers if other.role == "app" and other is not container]
        return all(isinstance(other.state, Terminated) or other.stopping is not None for other in others)

    def _delete(self) -> None:
        self._drop()
        self._settle()
        try:
            self._tools.writer.delete(PODS, namespace_of(self.pod), name_of(self.pod), grace_period_s=0, uid=self.uid)
        except (NotFound, Conflict):
            return  # somebody was faster: the pod, or at least this one of its name, is gone

    # -- telling ----------------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        if not self._admitted and not self._ending.begun:
            return
        facts = Facts(
            started_us=self._started_us,
            host_ip=self.node.address,
            pod_ip=self._address if self._sandbox else None,
            sandbox=self._sandbox,
            stopped=self.stopped,
            verdict=self._ending.verdict,
        )
        self._write(status_of(self.pod, self._containers, facts, self._kernel.now))
        if self.stopped:
            self._settle()

    def _write(self, status: dict[str, object]) -> None:
        if status == self.pod.get("status"):
            return
        try:
            self.pod = self._tools.writer.patch(
                PODS, namespace_of(self.pod), name_of(self.pod), {"status": status}, subresource="status"
            )
        except NotFound:
            return  # deleted in this very moment: the next look finds out

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._kernel.now
        moments = [] if self.stopped else self._due_moments()
        upcoming = min((moment for moment in moments if moment > now), default=None)
        if upcoming is not None:
            self._timer = self._kernel.at(upcoming, self.sync)

    def _due_moments(self) -> list[int]:
        moments = [*self._prober.due_us(), *self._ending.due_us()]
        moments.extend(container.hook_until_us for container in self._containers)
        if self._ending.begun:
            return moments
        moments.append(self._mount_retry_us)
        for container in self._containers:
            moments.append(container.retry_us)
            if container.pulling is not None:
                moments.append(container.pulling.done_us)
        deadline_us = self._deadline_us()
        if deadline_us is not None:
            moments.append(deadline_us)
        return moments


def _last_words(container: Container, exit_: ContainerExit) -> str:
    """The termination message out of the log, where the policy asks for it."""
    wanted = container.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError" and exit_.exit_code != 0
    return last_words(container.log) if wanted and container.log is not None else ""
