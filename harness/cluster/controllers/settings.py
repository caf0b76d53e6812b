"""The flags of kube-controller-manager that matter here, with upstream's names and defaults for a Kubernetes version.

A field is named after its flag (`--node-monitor-grace-period` is `node_monitor_grace_period_us`, with the unit where it is a duration). What upstream has as a
constant and not as a flag stands at the end. Follows `cmd/kube-controller-manager/app/options` (1.34).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.clock import HOUR, MINUTE, SECOND
from harness.kube.durations import parse_duration
from harness.kube.version import KubernetesVersion


class FlagError(ValueError):
    """A flag that kube-controller-manager does not have, that has no model here, or whose value it refuses."""


@dataclass(frozen=True)
class ControllerManagerSettings:
    """Values as of Kubernetes 1.34; `for_version` knows what differed before."""

    node_monitor_period_us: int = 5 * SECOND
    node_monitor_grace_period_us: int = 50 * SECOND
    node_startup_grace_period_us: int = MINUTE
    node_eviction_rate: float = 0.1  # nodes a second
    secondary_node_eviction_rate: float = 0.01  # nodes a second
    unhealthy_zone_threshold: float = 0.55
    large_cluster_size_threshold: int = 50  # nodes
    terminated_pod_gc_threshold: int = 12_500  # pods; 0 and less: none is removed
    horizontal_pod_autoscaler_sync_period_us: int = 15 * SECOND
    horizontal_pod_autoscaler_downscale_stabilization_us: int = 5 * MINUTE
    horizontal_pod_autoscaler_tolerance: float = 0.1
    horizontal_pod_autoscaler_cpu_initialization_period_us: int = 5 * MINUTE
    horizontal_pod_autoscaler_initial_readiness_delay_us: int = 30 * SECOND
    max_endpoints_per_slice: int = 100
    mirroring_max_endpoints_per_subset: int = 1000
    resource_quota_sync_period_us: int = 5 * MINUTE
    pvclaimbinder_sync_period_us: int = 15 * SECOND
    attach_detach_reconcile_sync_period_us: int = MINUTE
    namespace_sync_period_us: int = 5 * MINUTE
    min_resync_period_us: int = 12 * HOUR
    root_ca: str | None = None  # PEM; what --root-ca-file holds
    ignored: tuple[str, ...] = ()  # flags that were given and change nothing here
    # Constants upstream (pkg/controller/podgc).
    pod_gc_period_us: int = 20 * SECOND
    orphan_quarantine_us: int = 40 * SECOND

    @classmethod
    def for_version(cls, version: KubernetesVersion) -> ControllerManagerSettings:
        """The defaults of a version: node-monitor-grace-period was 40 s before 1.32."""
        return cls(**_defaults_of(version))

    @classmethod
    def from_flags(
        cls, arguments: Iterable[str], version: KubernetesVersion | None = None
    ) -> ControllerManagerSettings:
        """The settings of a command line; of a repeated flag the last counts. Raises FlagError."""
        values: dict[str, Any] = {} if version is None else _defaults_of(version)
        ignored: dict[str, None] = {}
        for name, text in _split(arguments):
            flag = _FLAGS.get(name)
            if flag is None:
                if not _is_ignored(name):
                    raise FlagError(f"unknown flag: --{name}; known here are {', '.join(sorted(_FLAGS))}")
                ignored[name] = None
                continue
            try:
                values[flag.field] = flag.parse(text)
            except (ValueError, OSError) as error:
                raise FlagError(f'invalid argument "{text}" for "--{name}" flag: {error}') from error
        return cls(**values, ignored=tuple(ignored))


def _defaults_of(version: KubernetesVersion) -> dict[str, Any]:
    return {} if (version.major, version.minor) >= (1, 32) else {"node_monitor_grace_period_us": 40 * SECOND}


@dataclass(frozen=True)
class _Flag:
    field: str
    parse: Callable[[str], Any]


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


_FLAGS: Mapping[str, _Flag] = {
    **{
        name: _Flag(f"{name.replace('-', '_')}_us", parse_duration)
        for name in (
            "node-monitor-period",
            "node-monitor-grace-period",
            "node-startup-grace-period",
            "horizontal-pod-autoscaler-sync-period",
            "horizontal-pod-autoscaler-downscale-stabilization",
            "horizontal-pod-autoscaler-cpu-initialization-period",
            "horizontal-pod-autoscaler-initial-readiness-delay",
            "resource-quota-sync-period",
            "pvclaimbinder-sync-period",
            "attach-detach-reconcile-sync-period",
            "namespace-sync-period",
            "min-resync-period",
        )
    },
    **{
        name: _Flag(name.replace("-", "_"), parse)
        for name, parse in (
            ("node-eviction-rate", float),
            ("secondary-node-eviction-rate", float),
            ("unhealthy-zone-threshold", float),
            ("large-cluster-size-threshold", int),
            ("terminated-pod-gc-threshold", int),
            ("horizontal-pod-autoscaler-tolerance", float),
            ("max-endpoints-per-slice", int),
            ("mirroring-max-endpoints-per-subset", int),
        )
    },
    "root-ca-file": _Flag("root_ca", _read),
}
# How the program is run, how fast its clients may ask, how many of its workers run at once: none of it decides anything here.
_IGNORED_PREFIXES = (
    "concurrent-",
    "kube-api-",
    "leader-elect",
    "authentication-",
    "authorization-",
    "requestheader-",
    "cluster-signing-",
    "tls-",
    "log",
    "service-account-",
)
_IGNORED = frozenset(
    {
        "allocate-node-cidrs",
        "bind-address",
        "client-ca-file",
        "cluster-cidr",
        "cluster-name",
        "contention-profiling",
        "controller-start-interval",
        "controllers",
        "kubeconfig",
        "master",
        "node-cidr-mask-size",
        "profiling",
        "secure-port",
        "service-cluster-ip-range",
        "use-service-account-credentials",
        "v",
        "vmodule",
    }
)


def _is_ignored(name: str) -> bool:
    return name in _IGNORED or name.startswith(_IGNORED_PREFIXES)


def _split(arguments: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Names and values of `--name=value`, `--name value` and `--name` (true)."""
    pending: str | None = None
    for argument in arguments:
        if argument.startswith("--"):
            if pending is not None:
                yield pending, "true"
            name, equals, value = argument[2:].partition("=")
            pending = None if equals else name
            if equals:
                yield name, value
        elif pending is not None:
            yield pending, argument
            pending = None
        elif argument.startswith("-"):
            raise FlagError(f"unknown shorthand flag in {argument}: flags of kube-controller-manager begin with --")
    if pending is not None:
        yield pending, "true"
