"""Cluster Autoscaler's flags, read from its container's arguments. Defaults are those of 1.34 (`config/flags/flags.go`).

A flag that is not modelled is listed, so that a run can say what it did not follow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from harness.clock import HOUR, MILLISECOND, MINUTE, SECOND
from harness.cloud.tempo import Tempo

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|m(?!s)|s|ms)")
_UNITS = {"h": HOUR, "m": MINUTE, "s": SECOND, "ms": MILLISECOND}
_DISCOVERY = re.compile(r"^asg:tag=(.+)$")
EXPANDERS = frozenset({"least-waste", "random", "most-pods", "least-nodes"})
_WITHOUT_EFFECT_HERE = frozenset(
    {
        "cloud-provider",
        "cluster-name",
        "namespace",
        "v",
        "logtostderr",
        "stderrthreshold",
        "leader-elect",
        "aws-use-static-instance-list",
    }
)


class FlagError(ValueError):
    """A flag with a value that Cluster Autoscaler would refuse or that has no model here."""


@dataclass(frozen=True)
class Flags:
    """What decides about nodes."""

    scan_interval_us: int = 10 * SECOND
    expander: str = "least-waste"
    new_pod_scale_up_delay_us: int = 0
    scale_down_enabled: bool = True
    scale_down_unneeded_us: int = 10 * MINUTE
    scale_down_delay_after_add_us: int = 10 * MINUTE
    scale_down_delay_after_delete_us: int = 0
    scale_down_delay_after_failure_us: int = 3 * MINUTE
    scale_down_utilization_threshold: float = 0.5
    max_empty_bulk_delete: int = 10
    max_graceful_termination_s: int = 600
    max_pod_eviction_s: int = 120
    max_node_provision_us: int = 15 * MINUTE
    skip_nodes_with_system_pods: bool = True
    skip_nodes_with_local_storage: bool = True
    skip_nodes_with_custom_controller_pods: bool = True
    discovery_tags: tuple[tuple[str, str | None], ...] | None = None  # None: no auto discovery
    nodes: tuple[tuple[int, int, str], ...] = ()  # --nodes=min:max:name
    unmodelled: tuple[str, ...] = ()

    def at(self, tempo: Tempo) -> Flags:
        """With its times as they are in a world that goes through modelled delays faster."""
        times: dict[str, Any] = {
            field.name: tempo.us(getattr(self, field.name)) for field in fields(self) if field.name.endswith("_us")
        }
        return replace(self, **times)


def parse_flags(arguments: Sequence[str]) -> Flags:
    """The flags in a container's command and arguments; the last of a repeated flag counts, `--nodes` adds up.

    Raises FlagError.
    """
    values: dict[str, str] = {}
    nodes: list[tuple[int, int, str]] = []
    for argument in arguments:
        if not argument.startswith("-"):
            continue
        name, _, value = argument.lstrip("-").partition("=")
        if name == "nodes":
            low, high, group = value.split(":", 2)
            nodes.append((int(low), int(high), group))
        else:
            values[name] = value
    default = Flags()
    expander = values.pop("expander", default.expander)
    if expander not in EXPANDERS:
        raise FlagError(f"--expander={expander} is not modelled, use one of {', '.join(sorted(EXPANDERS))}")
    flags = Flags(
        scan_interval_us=_duration(values, "scan-interval", default.scan_interval_us),
        expander=expander,
        new_pod_scale_up_delay_us=_duration(values, "new-pod-scale-up-delay", default.new_pod_scale_up_delay_us),
        scale_down_enabled=_switch(values, "scale-down-enabled", default.scale_down_enabled),
        scale_down_unneeded_us=_duration(values, "scale-down-unneeded-time", default.scale_down_unneeded_us),
        scale_down_delay_after_add_us=_duration(
            values, "scale-down-delay-after-add", default.scale_down_delay_after_add_us
        ),
        scale_down_delay_after_delete_us=_duration(
            values, "scale-down-delay-after-delete", default.scale_down_delay_after_delete_us
        ),
        scale_down_delay_after_failure_us=_duration(
            values, "scale-down-delay-after-failure", default.scale_down_delay_after_failure_us
        ),
        scale_down_utilization_threshold=float(
            values.pop("scale-down-utilization-threshold", default.scale_down_utilization_threshold)
        ),
        max_empty_bulk_delete=int(
            values.pop("max-scale-down-parallelism", values.pop("max-empty-bulk-delete", default.max_empty_bulk_delete))
        ),
        max_graceful_termination_s=int(values.pop("max-graceful-termination-sec", default.max_graceful_termination_s)),
        max_pod_eviction_s=_duration(values, "max-pod-eviction-time", default.max_pod_eviction_s * SECOND) // SECOND,
        max_node_provision_us=_duration(values, "max-node-provision-time", default.max_node_provision_us),
        skip_nodes_with_system_pods=_switch(values, "skip-nodes-with-system-pods", default.skip_nodes_with_system_pods),
        skip_nodes_with_local_storage=_switch(
            values, "skip-nodes-with-local-storage", default.skip_nodes_with_local_storage
        ),
        skip_nodes_with_custom_controller_pods=_switch(
            values, "skip-nodes-with-custom-controller-pods", default.skip_nodes_with_custom_controller_pods
        ),
        discovery_tags=_discovery(values.pop("node-group-auto-discovery", None)),
        nodes=tuple(nodes),
        unmodelled=tuple(sorted(name for name, value in values.items() if _matters(name, value))),
    )
    if flags.scan_interval_us <= 0:
        raise FlagError("--scan-interval has to be positive")
    return flags


def _matters(name: str, value: str) -> bool:
    """Whether a flag that is left over could change what happens; balancing that is switched off does not."""
    return name not in _WITHOUT_EFFECT_HERE and not (name == "balance-similar-node-groups" and value == "false")


def _duration(values: dict[str, str], name: str, default_us: int) -> int:
    """A Go duration (`1h30m`, `10s`)."""
    text = values.pop(name, None)
    if text is None:
        return default_us
    if text == "0":
        return 0
    if not text or _DURATION.sub("", text):
        raise FlagError(f"--{name}={text} is no duration such as 10m or 90s")
    return round(sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text)))


def _switch(values: dict[str, str], name: str, default: bool) -> bool:
    text = values.pop(name, None)
    if text is None:
        return default
    if text not in {"", "true", "false"}:
        raise FlagError(f"--{name}={text} is neither true nor false")
    return text != "false"


def _discovery(text: str | None) -> tuple[tuple[str, str | None], ...] | None:
    if text is None:
        return None
    match = _DISCOVERY.match(text)
    if match is None:
        raise FlagError(f"--node-group-auto-discovery={text} is not asg:tag=key,key=value")
    tags: list[tuple[str, str | None]] = []
    for part in match.group(1).split(","):
        key, equals, value = part.partition("=")
        tags.append((key, value if equals else None))
    return tuple(tags)
