"""The command `harness explain`: lists what scheduling looks at from any cluster's API, and prints what the scheduler would say of a pod."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from harness.cluster.scheduler.explanation import explain, render
from harness.cluster.scheduler.framework import PluginError
from harness.kube.errors import ApiError, NotFound
from harness.kube.objects import key_of
from harness.kube.remote import KubeconfigError, Transport, read_kubeconfig
from harness.kube.remote.paths import path_of
from harness.kube.resources import (
    CSI_DRIVERS,
    CSI_NODES,
    CSI_STORAGE_CAPACITIES,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    SERVICES,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    VOLUME_ATTACHMENTS,
    Resource,
)
from harness.kube.snapshot import Snapshot

_LOOKED_AT = (
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    CSI_NODES,
    CSI_DRIVERS,
    CSI_STORAGE_CAPACITIES,
    VOLUME_ATTACHMENTS,
    POD_DISRUPTION_BUDGETS,
)
_PAGE = "500"


def explain_command(name: str, *, namespace: str, kubeconfig: Path) -> int:
    """Print it; 0 when a node could take the pod, 1 when none could, 2 when it could not be found out."""
    if not kubeconfig.exists():
        return _say(f"{kubeconfig} is missing: start a cluster with harness up, or name one with --kubeconfig FILE")
    try:
        transport = Transport(read_kubeconfig(kubeconfig), agent="harness-explain")
    except KubeconfigError as error:
        return _say(str(error))
    try:
        snapshot = Snapshot()
        for resource in _LOOKED_AT:
            _list(transport, resource, snapshot)
        pod = snapshot.get(PODS, namespace, name)
        if pod is None:
            others = sorted(key_of(other) for other in snapshot.list(PODS) if other["metadata"]["name"] == name)
            hint = f"; there is {', '.join(others)}: add -n" if others else ""
            return _say(f'pods "{name}" not found in namespace {namespace}{hint}')
        found = explain(snapshot, pod, time.time_ns() // 1000)
    except ApiError as error:
        return _say(f"{error.message}: is the cluster of {kubeconfig} up?")
    except PluginError as error:
        return _say(str(error))
    finally:
        transport.close()
    print(render(found))
    return 0 if found.fits else 1


def _list(transport: Transport, resource: Resource, into: Snapshot) -> None:
    """Add all objects of a type, page by page; a type that the cluster does not serve has none."""
    query = {"limit": _PAGE}
    while True:
        try:
            page = transport.request("GET", path_of(resource), query)
        except NotFound:
            return
        for item in page["items"]:
            into.put({**item, "apiVersion": resource.api_version, "kind": resource.kind})
        if not page["metadata"].get("continue"):
            return
        query = {"limit": _PAGE, "continue": page["metadata"]["continue"]}


def _say(message: str) -> int:
    print(f"harness explain: {message}", file=sys.stderr)
    return 2
