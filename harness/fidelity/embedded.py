"""Plays a trace on the embedded cluster, in virtual time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.clock import MINUTE, Kernel, Outcome, Seeds, Timeline, parse_time
from harness.cluster.cluster import EmbeddedCluster
from harness.cluster.controllers import ControllerManagerSettings
from harness.cluster.metrics import StandardMetricsClient
from harness.fidelity.driver import Driver
from harness.fidelity.machine import start_with_a_node
from harness.fidelity.metrics import FedMetrics
from harness.fidelity.recording import Recording
from harness.fidelity.trace import Trace
from harness.fidelity.values import TraceError
from harness.kube.version import KubernetesVersion

_START = parse_time("2026-03-02T08:00:00Z")  # a Monday morning; nothing depends on it
_LIMIT_US = 24 * 60 * MINUTE


def play_embedded(trace: Trace, version: str, *, seed: int = 1) -> Recording:
    """What the embedded cluster of a Kubernetes version does. Raises TraceError when the trace cannot be played."""
    kernel = Kernel(_START)
    with tempfile.TemporaryDirectory(prefix="fidelity-") as directory:
        cluster = EmbeddedCluster(kernel, Seeds(seed), Timeline(lambda: kernel.now), Path(directory), version=version)
        metrics = FedMetrics(kernel, cluster.store) if trace.feeds_metrics else None

        def start() -> None:
            if trace.oracle == "kind":
                start_with_a_node(cluster, kernel, Path(directory))
            else:
                client = StandardMetricsClient(metrics, metrics, metrics)
                cluster.start_control_plane(_settings(trace, version), metrics=client)

        writer = cluster.store.writer("fidelity")
        driver = Driver(trace, kernel, cluster.store, writer, cluster.manager, metrics)
        kernel.start()
        try:
            kernel.call(start)
            kernel.call(driver.prepare)
            if kernel.wait(driver.is_prepared, 5 * MINUTE) is not Outcome.MET:
                raise TraceError(
                    f"{trace.name}: the embedded cluster's nodes or service account are not ready after 5 min"
                )
            kernel.call(driver.begin_soon)
            kernel.wait(lambda: driver.finished, _LIMIT_US)
            return kernel.call(lambda: driver.recording({"kubernetes": version, "side": "embedded"}))
        finally:
            kernel.close()


def _settings(trace: Trace, version: str) -> ControllerManagerSettings:
    flags = trace.flags.get("controller-manager", ())
    return ControllerManagerSettings.from_flags(flags, KubernetesVersion.parse(version))
