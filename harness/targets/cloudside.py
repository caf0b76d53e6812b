"""The modelled AWS of one world: what the templates ask for, provisioned and brought to life."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from harness.clock import Kernel, Seeds, Timeline
from harness.cloud import assembly
from harness.cloud.estate import Estate, survey
from harness.cloud.file_systems import FileSystems
from harness.cloud.gateway import CloudAnswers, Gateway, Rates
from harness.cloud.identity import CredentialEndpoint, Identity
from harness.cloud.instances import Instances
from harness.cloud.market import Market
from harness.cloud.metadata import Metadata
from harness.cloud.nodegroups import Boot, CloudNodeLifecycle, Drainer, Fleet, Machines, NodeGroups
from harness.cloud.provision import Provisioned, provision
from harness.cloud.serving import ServerThread
from harness.cloud.spot import Spot
from harness.cloud.standin import Services, Standin
from harness.cloud.tempo import Tempo
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Manager
from harness.kube.events import Recorder
from harness.targets.project import Project


@dataclass(frozen=True)
class Ground:
    """What exists before there is a cluster: the provisioned templates and the services' clients."""

    provisioned: Provisioned
    estate: Estate
    services: Services
    file_systems: FileSystems
    shared_directory: Path


def lay_ground(project: Project, standin: Standin, *, seed: int, state_dir: Path) -> Ground:
    """Provision the rendered templates on a fresh stand-in."""
    standin.reset(seed, project.region)
    services = Services(standin.endpoint_url, project.region)
    provisioned = provision(assembly.load(project.rendered), services)
    estate = survey(provisioned)
    access_points = [one.physical.ref for one in provisioned.of_type("AWS::EFS::AccessPoint")]
    directory = state_dir / "efs"
    file_systems = FileSystems(directory, estate.file_systems, access_points, [addon.name for addon in estate.addons])
    shared = directory / estate.file_systems[0] / (access_points[0] if access_points else "root")
    return Ground(provisioned, estate, services, file_systems, shared)


class CloudSide:
    """EC2, node groups, the gateway and identity over a cluster."""

    def __init__(
        self,
        ground: Ground,
        *,
        kernel: Kernel,
        seeds: Seeds,
        timeline: Timeline,
        standin_url: str,
        rates: Rates,
        tempo: Tempo,
        servers: ServerThread,
    ) -> None:
        self.ground = ground
        estate = ground.estate
        self._kernel = kernel
        self._seeds = seeds
        self._timeline = timeline
        self._standin_url = standin_url
        self._rates = rates
        self.tempo = tempo
        self.servers = servers
        self.instances = Instances(kernel, seeds, timeline, region=estate.region)
        self.market = Market(seeds, estate.region)
        self.metadata = Metadata(kernel, self.servers)
        self.identity = Identity(estate, seed=seeds.seed, wall_clock_s=time.time)
        self.credentials = CredentialEndpoint(self.identity, self.servers)
        self.credentials_url = self.credentials.start()

    def join(
        self,
        *,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        manager: Manager,
        machines: Machines,
        boot: Boot,
        shutdown: tuple[int, int] | None,
    ) -> None:
        """Bring nodes, gateway and controllers to life on a cluster. Belongs to the kernel's thread."""
        estate = self.ground.estate
        self.fleet = Fleet(
            kernel=self._kernel,
            reader=reader,
            seeds=self._seeds,
            instances=self.instances,
            machines=machines,
            boot=boot,
            shutdown=shutdown,
            tempo=self.tempo,
        )
        self.drainer = Drainer(self._kernel, reader, writer)
        self.groups = NodeGroups(
            kernel=self._kernel,
            timeline=self._timeline,
            fleet=self.fleet,
            market=self.market,
            drainer=self.drainer,
            specs=estate.node_groups,
            tempo=self.tempo,
        )
        self.spot = Spot(
            kernel=self._kernel,
            seeds=self._seeds,
            timeline=self._timeline,
            estate=estate,
            groups=self.groups,
            fleet=self.fleet,
            drainer=self.drainer,
            board=self.metadata,
            tempo=self.tempo,
        )
        manager.add(CloudNodeLifecycle(self._kernel, reader, writer, recorder, self.instances))

    def open_gateway(self) -> str:
        """Start the one AWS endpoint; its URL. Any thread but the kernel's."""
        self.gateway = Gateway(
            kernel=self._kernel,
            timeline=self._timeline,
            servers=self.servers,
            standin_url=self._standin_url,
            callers=self.identity,
            answers=CloudAnswers(self.ground.estate, self.groups, self.identity, started_us=self._kernel.now),
            rates=self._rates,
        )
        return self.gateway.start()

    def close(self) -> None:
        """Stop listening."""
        self.gateway.close()
        self.credentials.close()
        self.metadata.close()
        self.servers.close()
