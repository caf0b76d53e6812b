"""The parts of one world on the `kind` target: real Kubernetes and containers, the modelled AWS around them, the wall's time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from fixtures.archives import Archives
from fixtures.archives.failures import FailurePlan, FailureRule
from harness.clock import SECOND, Kernel, Seeds, Timeline
from harness.cloud.autoscaler import ClusterAutoscaler
from harness.cloud.gateway import Rates
from harness.cloud.instances import Instance
from harness.cloud.platform import POD_IDENTITY_ADDON, WORKFLOW_CONTROLLER_IMAGE, deployment_is_available
from harness.cloud.serving import ServerThread
from harness.cloud.standin import Standin
from harness.cloud.tempo import Tempo
from harness.cluster.images import read_dockerfile, services
from harness.kube.client import Change
from harness.kube.controllers import Manager
from harness.kube.errors import ApiError
from harness.kube.events import Recorder
from harness.kube.objects import Object
from harness.kube.remote import RemoteCluster, read_kubeconfig
from harness.kube.remote.paths import path_of
from harness.kube.resources import DEPLOYMENTS, PODS
from harness.targets.base import Charge, Settings
from harness.targets.cloudside import CloudSide, lay_ground
from harness.targets.common import CloudBackend
from harness.targets.kind.admission import CREDENTIALS_ADDRESS, METADATA_ADDRESS, Mutations, agent_environment
from harness.targets.kind.breaking import KindFaults
from harness.targets.kind.builds import StandIn, stand_ins
from harness.targets.kind.clearing import clear_world
from harness.targets.kind.containers import FILES
from harness.targets.kind.machines import RealMachines, RoomOfThisMachine
from harness.targets.kind.plans import Forward
from harness.targets.kind.session import KindSession
from harness.targets.kind.sessions import PodSessions
from harness.targets.kind.webhook import Webhook
from harness.targets.metering import Meter
from harness.targets.project import Project
from harness.targets.registry import REPOSITORY_PREFIX, Registry
from harness.workflows import REQUEUE_US, WorkflowController

SHORTER = 10.0
"""Modelled delays (boots of instances, notices, the autoscaler's patience) are a tenth of what they are on AWS."""
NODES_EACH = 2
"""Of each capacity type, as many nodes as a host of two cores carries."""
NAMESPACES = ("em-pipeline",)
_ANY_SPEED = Rates(0, float("inf"))
_POD_USER = 10001
_PLATFORM_GROUP = "platform"


class KindBackend(CloudBackend):
    """One world on a session's cluster. `harness.targets.base.Backend` says which thread each method belongs to."""

    def __init__(
        self, project: Project, settings: Settings, standin: Standin, session: KindSession, number: int
    ) -> None:
        self.project = project
        self.settings = settings = replace(settings, shorter=settings.shorter or SHORTER)
        self._session = session
        self._seeds = Seeds(settings.seed)
        self.kernel = Kernel(round(time.time() * SECOND), pace=1.0)
        self.timeline = Timeline(lambda: self.kernel.now)
        self.state_dir = session.shared / f"world-{number}"
        self.state_dir.mkdir()
        self._name = f"em-world-{number}"
        self._files = PurePosixPath(FILES) / self.state_dir.name
        self._ground = lay_ground(project, standin, seed=settings.seed, state_dir=self.state_dir)
        self.outputs = self._ground.provisioned.outputs
        self._targets = services(read_dockerfile(project.dockerfile))
        self._registry = Registry(self._ground.services.client("ecr"), self.outputs["RegistryUri"], self._targets)
        self._servers = ServerThread(session.gateway_address)
        self._servers.start()
        self._cloud = CloudSide(
            self._ground,
            kernel=self.kernel,
            seeds=self._seeds,
            timeline=self.timeline,
            standin_url=standin.endpoint_url,
            rates=_ANY_SPEED,
            tempo=Tempo(settings.shorter or 1.0),
            servers=self._servers,
        )
        self._failures = FailurePlan([FailureRule(**rule) for rule in settings.archive_failures])
        self._archives = Archives(settings.scale, settings.seed, failures=self._failures, host=session.gateway_address)
        self._archives.start()
        self._cluster = RemoteCluster.from_kubeconfig(self.kernel, session.kubeconfig)
        self.reader = self._cluster.reader
        self.writer = self._cluster.writer("harness")
        self._engine_runs = False
        self._share_directory()
        session.prepare(sorted(self._targets), self._stand_ins())
        self._start()

    def _share_directory(self) -> None:
        """The access point's directory, as its driver makes it: it belongs to the pods' user."""
        directory = self._ground.shared_directory
        inside = self._files / directory.relative_to(self.state_dir / "efs")
        self._session.run(["install", "-d", "-o", str(_POD_USER), "-g", str(_POD_USER), str(inside)])

    def _start(self) -> None:
        cloud, estate = self._cloud, self._ground.estate
        recorder = Recorder(self.kernel, self.reader, self.writer, self.timeline, "harness")
        self._recorder = recorder
        self._manager = Manager(self.kernel, self.reader)
        self.kernel.start()
        self.kernel.call(lambda: self._join(recorder))
        gateway_url = cloud.open_gateway()
        environment = {
            **agent_environment(estate.region, gateway_url),
            **self._archives.environment_for("pods"),
        }
        self._sessions = PodSessions(
            kernel=self.kernel,
            reader=self.reader,
            transport=self._cluster.transport,
            identity=cloud.identity,
            estate=estate,
            entered=self.kernel.parties.admit,
            left=self._left,
        )
        self.kernel.call(self._sessions.start)
        cloud.credentials.turn_to(self._sessions)
        mutations = Mutations(estate, lambda _review: environment, self._files)
        self._webhook = Webhook(
            servers=self._servers,
            transport=self._cluster.transport,
            name=self._name,
            namespaces=NAMESPACES,
            mutator=mutations,
        )
        self._webhook.open()
        self.faults = KindFaults(
            kernel=self.kernel,
            timeline=self.timeline,
            reader=self.reader,
            writer=self.writer,
            cloud=cloud,
            failures=self._failures,
            session=self._session,
            environment=environment,
        )
        self._meter = Meter(
            kernel=self.kernel,
            timeline=self.timeline,
            settings=self.settings,
            cloud=cloud,
            archive_log=lambda: self._archives.log,
            taken=self.faults.taken_instances,
        )

        def begin() -> None:
            self._manager.add(
                ClusterAutoscaler(
                    kernel=self.kernel,
                    reader=self.reader,
                    writer=self.writer,
                    recorder=recorder,
                    seeds=self._seeds,
                    timeline=self.timeline,
                    groups=cloud.groups,
                    drainer=cloud.drainer,
                    estate=estate,
                    tempo=cloud.tempo,
                )
            )
            cloud.groups.start()

        self.kernel.call(begin)

    def _join(self, recorder: Recorder) -> None:
        cloud = self._cloud
        machines = RealMachines(
            kernel=self.kernel,
            reader=self.reader,
            writer=self.writer,
            timeline=self.timeline,
            nodes=self._session.nodes,
            instances=cloud.instances,
            region=self._ground.estate.region,
            forwards=self._forwards,
            switched_off=lambda node: self._sessions.node_gone(node),  # noqa: PLW0108 - they come after the machines
        )
        cloud.instances.capacity_rules.append(RoomOfThisMachine(cloud.instances, NODES_EACH))
        cloud.join(
            reader=self.reader,
            writer=self.writer,
            recorder=recorder,
            manager=self._manager,
            machines=machines,
            boot=machines,
            shutdown=None,
        )

    def _left(self, party: str) -> None:
        self.kernel.parties.leave(party, lambda: None)

    def _forwards(self, instance: Instance) -> Sequence[Forward]:
        """The agents of a node: its metadata, and the credentials if the add-on is there."""
        found = [Forward(METADATA_ADDRESS, 80, _port(self._cloud.metadata.url_for(instance)))]
        if self._ground.estate.has_addon(POD_IDENTITY_ADDON):
            found.append(Forward(CREDENTIALS_ADDRESS, 80, _port(self._cloud.credentials_url)))
        return found

    # Images

    def publish_images(self, tag: str) -> list[str]:
        """Build every service's image and let nodes find it; the platform's own get a container that only answers its probes."""
        references = self._registry.publish(tag)
        self._session.publish_services(references, self._stand_ins())
        return references

    def withdraw_image(self, service: str, tag: str) -> None:
        """Delete a service's image again."""
        self._registry.withdraw(service, tag)
        self._session.images.withdraw(f"{self.outputs['RegistryUri']}/{REPOSITORY_PREFIX}{service}:{tag}")

    def _stand_ins(self) -> list[StandIn]:
        """For what the platform's Deployments run, whose work is done here."""
        return stand_ins(chain.from_iterable(self.manifests(_PLATFORM_GROUP).values()))

    def workflows_established(self) -> None:
        """From now on the engine acts whenever the Argo controller's Deployment is available."""

        def changed(_change: Change, _new: Object, _old: Object | None) -> None:
            wanted = deployment_is_available(self.reader, WORKFLOW_CONTROLLER_IMAGE)
            if wanted and not self._engine_runs:
                requeue_us = self._cloud.tempo.us(REQUEUE_US)
                self._manager.add(
                    WorkflowController(
                        self.kernel, self.reader, self.writer, self._recorder, self._seeds, requeue_us=requeue_us
                    )
                )
            elif self._engine_runs and not wanted:
                self._manager.stop(WorkflowController.name)
            self._engine_runs = wanted

        self.reader.observe(DEPLOYMENTS, changed)

    # Looking

    def serve_kubernetes(self, kubeconfig: Path) -> str:
        """A copy of the cluster's kubeconfig; the API's URL."""
        shutil.copyfile(self._session.kubeconfig, kubeconfig)
        kubeconfig.chmod(0o600)
        return read_kubeconfig(kubeconfig).server

    def shared_directory(self) -> Path:
        """The shared file system's root directory as it is now, copied."""
        self._copy_files()
        return super().shared_directory()

    def bill(self) -> Sequence[Charge]:
        """What was used since the world began, priced. Any thread but the kernel's."""
        self._copy_files()
        return super().bill()

    def _copy_files(self) -> None:
        here = self.state_dir / "efs"
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()
        self._session.copy_files(self._files, here)

    def pod_log(self, namespace: str, pod: str, container: str) -> str:
        """The output of a container's latest run, empty when it never ran."""
        try:
            return self._cluster.transport.text(f"{path_of(PODS, namespace, pod)}/log", {"container": container})
        except ApiError:
            return ""

    def close(self) -> None:
        """Stop everything that was started, and leave the cluster as it was found."""
        self._webhook.close()
        self.kernel.close()
        self._sessions.close()
        clear_world(self._session, self._cluster.transport, self.project, self.outputs)
        self.faults.free_disk()
        self._session.run(["rm", "-rf", str(self._files)])
        self._cluster.close()
        self._archives.close()
        self._cloud.close()
        shutil.rmtree(self.state_dir, ignore_errors=True)


def _port(url: str) -> int:
    port = urlsplit(url).port
    if port is None:
        raise ValueError(f"{url} names no port: servers of a world listen on ports of their own")
    return port
