"""The embedded cluster as a whole: store, controllers, scheduler, kubelets and the HTTP face, wired over one kernel.

It begins in two steps, because what runs containers may itself need the store: first the objects, then (`start`) everything that acts on them.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.clock import Kernel, Seeds, Timeline
from harness.cluster.api import ApiServer
from harness.cluster.api.auth import Authorization
from harness.cluster.api.discovery import Catalogue
from harness.cluster.controllers import ControllerManagerSettings, standard
from harness.cluster.controllers.apiservices import ApiServiceRegistration
from harness.cluster.controllers.clusterroles import MANAGER as AGGREGATOR
from harness.cluster.controllers.clusterroles import ClusterRoleAggregationController
from harness.cluster.controllers.rootca import RootCaPublisher
from harness.cluster.controllers.serviceaccounttokens import TokensController
from harness.cluster.kubelet import Kubelets
from harness.cluster.metrics import MetricsClient, MetricsServer, StandardMetricsClient
from harness.cluster.scheduler import Scheduler
from harness.cluster.store import Registry, Store
from harness.kube.controllers import Manager
from harness.kube.events import Recorder
from harness.kube.hooks import AdmissionMutator, Hooks
from harness.kube.provisioning import VolumeProvisioner
from harness.kube.resources import CLUSTER_ROLES
from harness.kube.version import KubernetesVersion

# Stored objects are trees without cycles, by the million. A collector with Python's own thresholds (700, 10, 10) reads them all again and again and finds
# nothing: a third of the time of a run of 10,000 pods. Young cycles are still collected at once, old ones after some 200 million new objects.
_COLLECT_AFTER = (50_000, 20, 200)


class EmbeddedCluster:
    """A Kubernetes of its own. `version` is what it says it is, e.g. `v1.36.0`."""

    def __init__(
        self,
        kernel: Kernel,
        seeds: Seeds,
        timeline: Timeline,
        state_dir: Path,
        *,
        version: str,
        mutators: tuple[AdmissionMutator, ...] = (),
    ) -> None:
        gc.set_threshold(*map(max, gc.get_threshold(), _COLLECT_AFTER))
        self._kernel = kernel
        self._seeds = seeds
        self._state_dir = state_dir
        self._version = version
        self._timeline = timeline
        self._server: ApiServer | None = None
        self.metrics: MetricsServer | None = None
        self.store = Store(kernel, seeds, mutators)
        self.manager = Manager(kernel, self.store)
        self.recorder = Recorder(kernel, self.store, self.store, timeline, "cluster")

    def start(
        self, hooks: Hooks, *, metrics_server: bool = True, provisioners: Sequence[VolumeProvisioner] = ()
    ) -> Kubelets:
        """Let controllers, scheduler, kubelets and (if it is installed) metrics-server act; belongs to the kernel's thread."""
        kernel, store = self._kernel, self.store
        self._hooks = hooks
        self.kubelets = Kubelets(
            kernel,
            store,
            store.writer("kubelet"),
            self._recorder("kubelet"),
            hooks,
            self._state_dir,
            version=self._version,
        )
        self.metrics = MetricsServer(kernel, store, self.kubelets) if metrics_server else None
        self.start_control_plane(metrics=StandardMetricsClient(self.metrics), provisioners=provisioners)
        self.manager.add(self.kubelets)
        return self.kubelets

    def start_control_plane(
        self,
        settings: ControllerManagerSettings | None = None,
        *,
        metrics: MetricsClient | None = None,
        provisioners: Sequence[VolumeProvisioner] = (),
    ) -> None:
        """Let controllers and scheduler act, without any kubelet; `start` does this, too. `metrics` is what autoscalers ask."""
        kernel, store = self._kernel, self.store
        manager, scheduler = "kube-controller-manager", "kube-scheduler"
        # First, as it answers within a millisecond: a new node is tried before the lifecycle controller has taken its first taint away.
        version = KubernetesVersion.parse(self._version)
        events = self._recorder(scheduler)
        self.manager.add(Scheduler(kernel, store, store.writer(scheduler), events, self._seeds, version=version))
        for controller in standard(
            kernel,
            store,
            store.writer(manager),
            self._recorder(manager),
            self._seeds,
            settings,
            version=KubernetesVersion.parse(self._version),
            metrics=metrics,
            provisioners=provisioners,
        ):
            self.manager.add(controller)
        self.manager.add(ClusterRoleAggregationController(store, self._apply_rules))

    def _apply_rules(self, role: str, rules: Sequence[Mapping[str, Any]]) -> None:
        config = {
            "apiVersion": CLUSTER_ROLES.api_version,
            "kind": CLUSTER_ROLES.kind,
            "metadata": {"name": role},
            "rules": rules,
        }
        self.store.apply(CLUSTER_ROLES, None, role, config, manager=AGGREGATOR, force=True)

    def _recorder(self, manager: str) -> Recorder:
        """Events of one program, which owns what it writes."""
        return Recorder(self._kernel, self.store, self.store.writer(manager), self._timeline, manager)

    def serve(self, *, authorization: Authorization = "AlwaysAllow") -> ApiServer:
        """Open the HTTP face on loopback; any thread but the kernel's. With RBAC, the bootstrap roles are made and everybody but the admin needs one."""
        if self._server is None:
            self._server = ApiServer(
                self._kernel,
                self.store,
                version=self._version,
                log_path=self.kubelets.log_path,
                authorization=authorization,
                metrics=lambda: self.metrics,
                ports=self._hooks.ports,
                executor=self._hooks.executor,
            ).start()
            server = self._server
            self._kernel.call(lambda: self._follow(server))
        return self._server

    def _follow(self, server: ApiServer) -> None:
        """What only a cluster that is served has: its certificate in every namespace, tokens that lie in Secrets, and APIService objects."""
        store, authority = self.store, server.authority_pem.decode()
        writer, aggregator = store.writer("kube-controller-manager"), store.writer("kube-apiserver")
        metrics = self.metrics is not None
        self.manager.add(RootCaPublisher(store, writer, authority))
        self.manager.add(TokensController(store, writer, server.tokens.legacy, authority))
        self.manager.add(
            ApiServiceRegistration(self._kernel, store, aggregator, Catalogue(Registry()).versions(), metrics=metrics)
        )

    def close(self) -> None:
        """Close the HTTP face."""
        if self._server is not None:
            self._server.close()
