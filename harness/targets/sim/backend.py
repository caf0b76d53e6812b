"""The parts of one world on the `sim` target, wired together."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from fixtures.archives import Archives
from fixtures.archives.failures import FailurePlan, FailureRule
from fixtures.profiles import load_profile
from harness.clock import DAY, HOUR, SECOND, Kernel, Seeds, Timeline
from harness.cloud.agent import CloudNodeAgent
from harness.cloud.autoscaler import ClusterAutoscaler
from harness.cloud.gateway import default_rates
from harness.cloud.nodegroups import ModelledBoot, graceful_shutdown
from harness.cloud.platform import METRICS_SERVER_ADDON, WORKFLOW_CONTROLLER_IMAGE, deployment_is_available
from harness.cloud.serving import ServerThread
from harness.cloud.standin import Standin
from harness.cloud.tempo import Tempo
from harness.cluster.cluster import EmbeddedCluster
from harness.cluster.images import read_dockerfile, services
from harness.cluster.kubelet import Kubelets
from harness.cluster.kubelet.runtimes import ModelledRuntime, ProcessRuntime, RuntimeSwitch
from harness.kube.client import Change
from harness.kube.hooks import Hooks, PodRuntime
from harness.kube.objects import Object
from harness.kube.resources import DEPLOYMENTS
from harness.targets.base import Settings
from harness.targets.cloudside import CloudSide, lay_ground
from harness.targets.common import CloudBackend
from harness.targets.metering import Meter
from harness.targets.project import Project
from harness.targets.registry import Registry
from harness.targets.sim.breaking import SimFaults
from harness.targets.sim.gate import DOOR, KernelGate, archive_policy
from harness.targets.state import new_state_dir
from harness.targets.workloads import PROFILE, recorded_profile
from harness.workflows import WorkflowController

_EPOCH_US = 1_796_083_200 * SECOND  # 2026-12-01, the first possible start of a run
_START_DAYS = 90
PRELOADED = ("pipeline.preload",)


class _LateKubelets:
    """The machines that node groups bring to life, before the kubelets exist."""

    kubelets: Kubelets

    def join(self, node_name: str) -> None:
        """The kubelet of a node begins."""
        self.kubelets.join(node_name)

    def leave(self, node_name: str) -> None:
        """The machine is gone."""
        self.kubelets.leave(node_name)

    def shut_down(self, node_name: str, grace_s: int, critical_s: int) -> None:
        """The machine is about to go."""
        self.kubelets.shut_down(node_name, grace_s, critical_s)


class SimBackend(CloudBackend):
    """One world. Constructed on the caller's thread; `harness.targets.base.Backend` says which thread each method belongs to."""

    def __init__(self, project: Project, settings: Settings, standin: Standin) -> None:
        self.project = project
        self.settings = settings
        self.state_dir = new_state_dir(project.root)
        self._seeds = Seeds(settings.seed)
        self.kernel = Kernel(self._start_us(), pace=settings.pace)
        self.timeline = Timeline(lambda: self.kernel.now)
        self._ground = lay_ground(project, standin, seed=settings.seed, state_dir=self.state_dir)
        self.outputs = self._ground.provisioned.outputs
        self._targets = services(read_dockerfile(project.dockerfile))
        self._registry = Registry(
            self._ground.services.client("ecr"),
            self.outputs["RegistryUri"],
            self._targets,
        )
        servers = ServerThread()
        servers.start()
        self._cloud = CloudSide(
            self._ground,
            kernel=self.kernel,
            seeds=self._seeds,
            timeline=self.timeline,
            standin_url=standin.endpoint_url,
            rates=default_rates(settings.scale),
            tempo=Tempo(),
            servers=servers,
        )
        self._failures = FailurePlan([FailureRule(**rule) for rule in settings.archive_failures])
        self._gate = KernelGate(self.kernel)
        self._archives = Archives(settings.scale, settings.seed, self._gate, self._failures)
        self._archives.start()
        self.kernel.parties.open_door(DOOR, archive_policy(load_profile(PROFILE).archive_bytes_per_s, settings.scale))
        self._processes: ProcessRuntime | None = None
        self._cluster = EmbeddedCluster(
            self.kernel,
            self._seeds,
            self.timeline,
            self.state_dir,
            version=f"v{self._ground.estate.cluster.kubernetes_version}.0",
        )
        self.reader = self.writer = self._cluster.store
        self._start()

    def _start_us(self) -> int:
        """With a pace, the wall's now, so that ages are right; else a day drawn from the seed, so that nobody relies on today."""
        if self.settings.pace is not None:
            return round(time.time() * SECOND)
        draw = self._seeds.stream("start")
        return _EPOCH_US + draw.randrange(_START_DAYS) * DAY + draw.randrange(24) * HOUR

    def _start(self) -> None:
        machines = _LateKubelets()
        cluster, cloud = self._cluster, self._cloud
        cloud.join(
            reader=cluster.store,
            writer=cluster.store,
            recorder=cluster.recorder,
            manager=cluster.manager,
            machines=machines,
            boot=ModelledBoot(
                kernel=self.kernel,
                reader=cluster.store,
                writer=cluster.store,
                seeds=self._seeds,
                machines=machines,
                cluster=self._ground.estate.cluster,
                region=self._ground.estate.region,
            ),
            shutdown=graceful_shutdown(self._ground.estate.cluster.kubernetes_version),
        )
        self.kernel.start()
        gateway_url = cloud.open_gateway()
        self.faults = SimFaults(
            kernel=self.kernel,
            timeline=self.timeline,
            reader=self.reader,
            writer=self.writer,
            cloud=cloud,
            failures=self._failures,
            gate=self._gate,
        )
        self._meter = Meter(
            kernel=self.kernel,
            timeline=self.timeline,
            settings=self.settings,
            cloud=cloud,
            archive_log=lambda: self._archives.log,
            taken=self.faults.taken_instances,
        )
        agent = CloudNodeAgent(
            estate=self._ground.estate,
            identity=cloud.identity,
            instances=cloud.instances,
            metadata=cloud.metadata,
            gateway_url=gateway_url,
            credentials_url=cloud.credentials_url,
            extras=[self._archives],
        )
        runtime = self._runtime()
        processes = self._processes
        hooks = Hooks(
            self._registry,
            runtime,
            agent,
            self._ground.file_systems,
            ports=None if processes is None else processes.ports(),
            executor=None if processes is None else processes.executor(agent),
        )

        def begin() -> None:
            estate = self._ground.estate
            machines.kubelets = cluster.start(hooks, metrics_server=estate.has_addon(METRICS_SERVER_ADDON))
            cluster.manager.add(
                ClusterAutoscaler(
                    kernel=self.kernel,
                    reader=self.reader,
                    writer=self.writer,
                    recorder=cluster.recorder,
                    seeds=self._seeds,
                    timeline=self.timeline,
                    groups=cloud.groups,
                    drainer=cloud.drainer,
                    estate=estate,
                )
            )
            cloud.groups.start()

        self.kernel.call(begin)

    def _runtime(self) -> PodRuntime:
        modelled = ModelledRuntime(self.kernel, self.timeline, recorded_profile)
        if self.settings.workload == "recorded":
            return modelled
        profile = load_profile(PROFILE)
        self._processes = ProcessRuntime(
            self.kernel,
            self._cluster.recorder,
            self.state_dir,
            search_path=[self.project.root],
            preload=PRELOADED,
            shutdown_s=lambda start: profile.service(start.image.service or "").shutdown_s,
        )
        return RuntimeSwitch(self._processes, modelled, "real")

    # Images

    def publish_images(self, tag: str) -> list[str]:
        """Push every service's image."""
        return self._registry.publish(tag)

    def withdraw_image(self, service: str, tag: str) -> None:
        """Delete a service's image again."""
        self._registry.withdraw(service, tag)

    def workflows_established(self) -> None:
        """From now on the engine acts whenever the Argo controller's Deployment is available."""
        self._engine_runs = False

        def changed(_change: Change, _new: Object, _old: Object | None) -> None:
            wanted = deployment_is_available(self.reader, WORKFLOW_CONTROLLER_IMAGE)
            if wanted and not self._engine_runs:
                recorder = self._cluster.recorder
                self._cluster.manager.add(
                    WorkflowController(self.kernel, self.reader, self.writer, recorder, self._seeds)
                )
            elif self._engine_runs and not wanted:
                self._cluster.manager.stop(WorkflowController.name)
            self._engine_runs = wanted

        self.reader.observe(DEPLOYMENTS, changed)

    # Looking

    def serve_kubernetes(self, kubeconfig: Path) -> str:
        """Open the Kubernetes API and write a kubeconfig for it; its URL."""
        server = self._cluster.serve()
        server.kubeconfig(kubeconfig)
        return f"https://127.0.0.1:{server.port}"

    def pod_log(self, namespace: str, pod: str, container: str) -> str:
        """The output of a container's latest run, empty when it never ran."""
        path = self._cluster.kubelets.log_path(namespace, pod, container)
        return path.read_text(errors="replace") if path is not None and path.is_file() else ""

    def close(self) -> None:
        """Stop everything that was started and remove the world's directory."""
        self.kernel.close()
        if self._processes is not None:
            self._processes.close()
        self._cluster.close()
        self._archives.close()
        self._cloud.close()
        shutil.rmtree(self.state_dir, ignore_errors=True)
