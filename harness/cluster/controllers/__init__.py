"""Controllers of the embedded cluster, one module or package each, with their rules in pure modules beside the loops.

They never call one another: they meet in the store. Nothing ticks: a reconcile returns the time at which its answer can change.
"""

from collections.abc import Sequence

from harness.clock import Kernel, Seeds
from harness.cluster.controllers.cronjob import CronJobController
from harness.cluster.controllers.daemonset import DaemonSetController
from harness.cluster.controllers.deployment import DeploymentController
from harness.cluster.controllers.endpoints import (
    EndpointsController,
    EndpointSliceController,
    EndpointSliceMirroringController,
)
from harness.cluster.controllers.garbagecollector import GarbageCollector
from harness.cluster.controllers.horizontalpodautoscaling import HorizontalController
from harness.cluster.controllers.job import JobController
from harness.cluster.controllers.namespace import NamespaceController
from harness.cluster.controllers.nodelifecycle import NodeLifecycleController
from harness.cluster.controllers.nodettl import NodeTtlController
from harness.cluster.controllers.persistentvolume import PersistentVolumeController
from harness.cluster.controllers.poddisruptionbudget import DisruptionController
from harness.cluster.controllers.podgc import PodGarbageCollector
from harness.cluster.controllers.replicaset import ReplicaSetController, ReplicationControllerController
from harness.cluster.controllers.resourcequota import ResourceQuotaController
from harness.cluster.controllers.rootca import RootCaPublisher
from harness.cluster.controllers.serviceaccount import ServiceAccountController
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.cluster.controllers.statefulset import StatefulSetController
from harness.cluster.controllers.tainteviction import TaintEvictionController
from harness.cluster.controllers.ttl import TtlAfterFinishedController
from harness.cluster.controllers.volumes import (
    ClaimProtectionController,
    ExpandController,
    ExternalProvisioner,
    VolumeProtectionController,
)
from harness.cluster.metrics import MetricsClient, StandardMetricsClient
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Controller
from harness.kube.events import Recorder
from harness.kube.provisioning import VolumeProvisioner
from harness.kube.version import KubernetesVersion

_DEFAULT_VERSION = KubernetesVersion(1, 36)

__all__ = ["ControllerManagerSettings", "standard"]


def standard(
    kernel: Kernel,
    reader: Reader,
    writer: Writer,
    recorder: Recorder,
    seeds: Seeds,  # noqa: ARG001 - every builder of controllers takes it; none of these draws
    settings: ControllerManagerSettings | None = None,
    *,
    version: KubernetesVersion = _DEFAULT_VERSION,
    metrics: MetricsClient | None = None,
    provisioners: Sequence[VolumeProvisioner] = (),
) -> list[Controller]:
    """What kube-controller-manager runs; without `metrics` the autoscaler finds none of the metrics APIs served."""
    settings = settings or ControllerManagerSettings.for_version(version)
    return [
        NamespaceController(kernel, reader, writer),
        ServiceAccountController(reader, writer),
        GarbageCollector(reader, writer, recorder),
        NodeLifecycleController(kernel, reader, writer, recorder, settings),
        TaintEvictionController(kernel, reader, writer, recorder),
        PodGarbageCollector(kernel, reader, writer, settings),
        JobController(kernel, reader, writer, recorder),
        TtlAfterFinishedController(kernel, reader, writer),
        ReplicaSetController(kernel, reader, writer, recorder, version),
        ReplicationControllerController(kernel, reader, writer, recorder, version),
        DeploymentController(kernel, reader, writer, recorder, version),
        StatefulSetController(kernel, reader, writer, recorder, version),
        DaemonSetController(kernel, reader, writer, recorder, version),
        CronJobController(kernel, reader, writer, recorder),
        DisruptionController(kernel, reader, writer, recorder),
        ResourceQuotaController(kernel, reader, writer),
        EndpointsController(kernel, reader, writer),
        EndpointSliceController(kernel, reader, writer, settings),
        EndpointSliceMirroringController(reader, writer, settings),
        NodeTtlController(reader, writer),
        *([RootCaPublisher(reader, writer, settings.root_ca)] if settings.root_ca is not None else []),
        PersistentVolumeController(kernel, reader, writer, recorder),
        ClaimProtectionController(reader, writer),
        VolumeProtectionController(reader, writer),
        ExpandController(reader, recorder),
        *(ExternalProvisioner(kernel, reader, writer, recorder, storage) for storage in provisioners),
        HorizontalController(kernel, reader, writer, recorder, settings, metrics or StandardMetricsClient(), version),
    ]
