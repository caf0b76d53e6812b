"""The cluster of a session as kind makes it: a control plane, whose workers come later."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import yaml

from harness.targets.base import TargetUnavailable
from harness.targets.kind.containers import SHARED
from harness.targets.kind.engine import Engine, EngineError, finish

# The newest of Kubernetes 1.34, which the embedded cluster follows, among the images published for kind 0.33.
DEFAULT_NODE_IMAGE = "kindest/node:v1.34.11"
_READY_LIMIT_S = 120
_CREATE_LIMIT_S = 600.0
_RELEASES = "https://github.com/kubernetes-sigs/kind/releases"

# A node that is silent for 12 s is lost: the rehearsals' delays are shortened, and this one with them.
_CONTROLLER_MANAGER = {"node-monitor-grace-period": "12s", "node-monitor-period": "2s"}


def find_kind() -> str:
    """The program kind: HARNESS_KIND, or the one on the PATH. Raises TargetUnavailable."""
    named = os.environ.get("HARNESS_KIND")
    found = shutil.which(named or "kind")
    if found is not None:
        return found
    where = f"HARNESS_KIND={named} is no program" if named else "there is no program `kind` on the PATH"
    raise TargetUnavailable(
        f"target kind needs kind, and {where}: get it from {_RELEASES} (or name it in HARNESS_KIND), or run with --target=sim"
    )


def find_node_image(engine: Engine) -> str:
    """The image of the nodes: HARNESS_KIND_IMAGE, or the published one; pulled when it is not here. Raises TargetUnavailable."""
    image = os.environ.get("HARNESS_KIND_IMAGE") or DEFAULT_NODE_IMAGE
    try:
        if engine.image_id(image) is None:
            engine.pull(image)
    except EngineError as error:
        raise TargetUnavailable(
            f"target kind needs node image {image}, which is not on this machine and cannot be pulled ({error}): pull or load it, "
            "or name another one of Kubernetes 1.34 in HARNESS_KIND_IMAGE"
        ) from error
    return image


def cluster_configuration(shared: Path) -> str:
    """kind's configuration. A patch with an apiVersion applies to that version of kubeadm's alone, and kind writes one or the other."""
    flags = _CONTROLLER_MANAGER
    patches = [
        {"apiVersion": "kubeadm.k8s.io/v1beta3", "controllerManager": {"extraArgs": flags}},
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "controllerManager": {"extraArgs": [{"name": name, "value": value} for name, value in flags.items()]},
        },
    ]
    return yaml.safe_dump(
        {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "networking": {"apiServerAddress": "127.0.0.1"},
            "nodes": [
                {"role": "control-plane", "extraMounts": [{"hostPath": str(shared), "containerPath": SHARED}]},
            ],
            "kubeadmConfigPatches": [yaml.safe_dump({"kind": "ClusterConfiguration", **patch}) for patch in patches],
        },
        sort_keys=False,
    )


def create_cluster(engine: Engine, kind: str, name: str, image: str, directory: Path, shared: Path) -> str:
    """Create the cluster on a network of its own; the control plane's container. Writes `directory`/kubeconfig. Raises EngineError."""
    configuration = directory / "cluster.yaml"
    configuration.write_text(cluster_configuration(shared))
    finish(
        [
            *(kind, "create", "cluster", "--quiet", "--name", name, "--image", image),
            *("--config", str(configuration), "--kubeconfig", str(directory / "kubeconfig")),
            *("--wait", f"{_READY_LIMIT_S}s"),
        ],
        limit_s=_CREATE_LIMIT_S,
        env={**os.environ, "KIND_EXPERIMENTAL_DOCKER_NETWORK": name, "KIND_EXPERIMENTAL_PROVIDER": "docker"},
    )
    control_plane = f"{name}-control-plane"
    # kind leaves a control plane without workers open to every pod
    taint = f"node {control_plane} node-role.kubernetes.io/control-plane=:NoSchedule --overwrite"
    kubectl = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"]
    engine.execute(control_plane, [*kubectl, "taint", *taint.split()])
    return control_plane
