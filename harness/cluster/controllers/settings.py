"""The knobs of kube-controller-manager that matter here, with upstream's defaults for a Kubernetes version."""

from __future__ import annotations

from dataclasses import dataclass

from harness.clock import SECOND


@dataclass(frozen=True)
class ControllerManagerSettings:
    """Values as of Kubernetes 1.34 (`cmd/kube-controller-manager/app/options`); `for_version` knows what differed before."""

    node_monitor_grace_us: int = 50 * SECOND
    node_startup_grace_us: int = 60 * SECOND
    node_eviction_interval_us: int = 10 * SECOND  # --node-eviction-rate 0.1
    secondary_node_eviction_interval_us: int = 100 * SECOND  # --secondary-node-eviction-rate 0.01
    unhealthy_zone_threshold_percent: int = 55
    large_cluster_nodes: int = 50
    terminated_pods_max: int = 12_500
    pod_gc_period_us: int = 20 * SECOND
    orphan_quarantine_us: int = 40 * SECOND

    @classmethod
    def for_version(cls, minor: int) -> ControllerManagerSettings:
        """The defaults of Kubernetes 1.<minor>: node-monitor-grace-period was 40 s before 1.32."""
        return cls() if minor >= 32 else cls(node_monitor_grace_us=40 * SECOND)
