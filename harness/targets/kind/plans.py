"""What a node shall be, as a value, and what is written into its container before it joins. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.targets.kind.capacity import Capacity, archive, machine_files

PLACE = "/kind/plan"  # where the files of `plan_archive` are unpacked in a node
_LEASE_S = 4  # renewed every second or so: a dead node is noticed after the controller manager's grace, not later
_TOKEN = "abcdef.0123456789abcdef"  # kind's own, valid for a day

# k8s.io/kubelet/pkg/apis/well_known_labels.go (1.34): what `--node-labels` accepts below kubernetes.io and k8s.io
_KUBELET_LABELS = frozenset(
    {
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)


def is_kubelet_label(key: str) -> bool:
    """Whether a kubelet may register its node with this label; others are for whoever may write nodes (on EKS the cloud's controller)."""
    domain, slash, _ = key.partition("/")
    if not slash or not any(domain == own or domain.endswith(f".{own}") for own in ("kubernetes.io", "k8s.io")):
        return True
    return key in _KUBELET_LABELS or any(
        domain == own or domain.endswith(f".{own}") for own in ("kubelet.kubernetes.io", "node.kubernetes.io")
    )


@dataclass(frozen=True)
class Forward:
    """An address of the node's own where a server of this machine answers, for pods of that node: TCP to `to_port` of the gateway address."""

    address: str
    port: int
    to_port: int


@dataclass(frozen=True)
class NodePlan:
    """One node. `labels` are those that a kubelet may set (`is_kubelet_label`); `taints` are there from its first moment."""

    name: str
    provider_id: str
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, str]]
    capacity: Capacity
    forwards: Sequence[Forward] = field(default=())

    def __post_init__(self) -> None:
        for key in self.labels:
            if not is_kubelet_label(key):
                raise ValueError(f"node {self.name}: a kubelet may not set label {key}: patch it onto the Node")


def kubelet_configuration(capacity: Capacity) -> dict[str, Any]:
    """What differs from the cluster's kubelets: EKS's figures. The disk is the host's, so it never evicts."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "nodeLeaseDurationSeconds": _LEASE_S,
        "maxPods": capacity.pods,
        "kubeReserved": {
            "cpu": f"{capacity.reserved_cpu_m}m",
            "memory": f"{capacity.reserved_memory_mib}Mi",
            "ephemeral-storage": "1Gi",
        },
        "evictionHard": {
            "memory.available": f"{capacity.eviction_memory_mib}Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
        "serializeImagePulls": False,
    }


def join_configuration(plan: NodePlan, *, control_plane: str, address: str) -> dict[str, Any]:
    """What kubeadm is told."""
    arguments = {
        "node-ip": address,
        "node-labels": ",".join(f"{key}={value}" for key, value in sorted(plan.labels.items())),
        "provider-id": plan.provider_id,
    }
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "JoinConfiguration",
        "discovery": {
            "bootstrapToken": {
                "apiServerEndpoint": f"{control_plane}:6443",
                "token": _TOKEN,
                "unsafeSkipCAVerification": True,
            }
        },
        "nodeRegistration": {
            "name": plan.name,
            "criSocket": "unix:///run/containerd/containerd.sock",
            "kubeletExtraArgs": [{"name": name, "value": value} for name, value in arguments.items() if value],
            "taints": [dict(taint) for taint in plan.taints],
        },
        "patches": {"directory": f"{PLACE}/patches"},
        "skipPhases": ["preflight"],
    }


def join_script(plan: NodePlan, *, gateway: str, address: str) -> str:
    """Makes a container that never was a node this one, in `PLACE`."""
    name = shlex.quote(plan.name)
    lines = [
        "set -eu",
        f"cd {PLACE}",
        f"hostname {name}",
        f"echo {address} {name} >>/etc/hosts",
        "for file in meminfo cpuinfo; do mount --bind machine/$file /proc/$file; done",
        "for tree in cpu node; do mount --bind machine/$tree /sys/devices/system/$tree; done",
    ]
    lines += [f"ip address add {own}/32 dev lo" for own in dict.fromkeys(one.address for one in plan.forwards)]
    # systemd is in every node image, socat in older ones only
    lines += [
        f"systemd-run --quiet --unit=forward-{number} --socket-property=ListenStream={one.address}:{one.port} "
        f"/usr/lib/systemd/systemd-socket-proxyd {gateway}:{one.to_port}"
        for number, one in enumerate(plan.forwards)
    ]
    lines.append("exec kubeadm join --config=join.json")
    return "\n".join([*lines, ""])


def plan_archive(plan: NodePlan, *, control_plane: str, gateway: str, address: str) -> bytes:
    """Everything that `join.sh` needs, and itself, as a tar."""
    machine = {f"machine/{path}": text for path, text in machine_files(plan.capacity).items()}
    return archive(
        {
            "machine": None,
            **machine,
            "patches": None,
            "patches/kubeletconfiguration0+merge.json": json.dumps(kubelet_configuration(plan.capacity)),
            "join.json": json.dumps(join_configuration(plan, control_plane=control_plane, address=address)),
            "join.sh": join_script(plan, gateway=gateway, address=address),
        }
    )
