"""What is looked at of an object of each kind: what decides, without times, addresses and identities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.fidelity.trace import Observation
from harness.fidelity.values import lookup
from harness.kube.objects import Object, is_deleting

Projection = dict[str, Any]
_TOLD = {"PodScheduled", "DisruptionTarget"}  # conditions of pods whose message counts


def project(kind: str, obj: Object, observation: Observation) -> Projection:
    """The kind's projection, without what the trace does not look at, and without what is unset."""
    found = {**_common(obj), **_BY_KIND.get(kind, _generic)(obj)}
    if kind == "Pod" and observation.closely:
        found |= _pod_closely(obj)
    fields = found if observation.only is None else observation.only
    return {key: found[key] for key in fields if key in found and key not in observation.drop and _is_set(found[key])}


def _is_set(value: Any) -> bool:
    return value is not None and value not in (False, "", 0, {}, [], frozenset())


def _common(obj: Object) -> Projection:
    metadata = obj["metadata"]
    return {
        "deleting": is_deleting(obj),
        "deletionGracePeriodSeconds": metadata.get("deletionGracePeriodSeconds") if is_deleting(obj) else None,
        "finalizers": list(metadata.get("finalizers") or ()),
    }


def _values(obj: Object, *paths: str) -> Projection:
    return {path.rpartition(".")[2]: lookup(obj, path) for path in paths}


def conditions(obj: Object, told: Callable[[str], bool] = lambda _kind: True) -> Mapping[str, str]:
    """`type: status reason: message`, sorted by type."""
    found = {}
    for entry in sorted((obj.get("status") or {}).get("conditions") or (), key=lambda entry: str(entry["type"])):
        words = [str(entry.get("status")), str(entry.get("reason") or "")]
        text = " ".join(word for word in words if word)
        if entry.get("message") and told(str(entry["type"])):
            text += f": {entry['message']}"
        found[str(entry["type"])] = text
    return found


def _pod(obj: Object) -> Projection:
    status = obj.get("status") or {}
    return {
        "phase": status.get("phase"),
        "node": obj["spec"].get("nodeName"),
        "nominatedNodeName": status.get("nominatedNodeName"),
        "conditions": conditions(obj, lambda kind: kind in _TOLD),
        "reason": status.get("reason"),
        "message": status.get("message"),
        "restarts": sum(int(entry.get("restartCount") or 0) for entry in status.get("containerStatuses") or ()),
        "gates": [gate["name"] for gate in obj["spec"].get("schedulingGates") or ()],
        "revision": (obj["metadata"].get("labels") or {}).get("controller-revision-hash"),
        "podIndex": (obj["metadata"].get("labels") or {}).get("apps.kubernetes.io/pod-index"),
        "priority": obj["spec"].get("priority"),
        "exitCodes": [
            code
            for entry in status.get("containerStatuses") or ()
            if (code := lookup(entry, "state.terminated.exitCode")) is not None
        ],
    }


def _pod_closely(obj: Object) -> Projection:
    """What a kubelet decides: each container's state and the one before, whether it has started and is ready; all that conditions say."""
    status = obj.get("status") or {}
    entries = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    return {
        "conditions": conditions(obj),
        "containers": {str(entry["name"]): _container(entry) for entry in entries},
        "address": bool(status.get("podIP")),
        "qosClass": status.get("qosClass"),
    }


def _container(entry: Mapping[str, Any]) -> Projection:
    found = {
        "state": _container_state(entry.get("state") or {}),
        "last": _container_state(entry.get("lastState") or {}),
        "restarts": entry.get("restartCount"),
        "started": entry.get("started"),
        "ready": entry.get("ready"),
    }
    return {key: value for key, value in found.items() if _is_set(value)}


def _container_state(state: Mapping[str, Any]) -> str:
    """`running`, `waiting CrashLoopBackOff: back-off 10s ...`, `terminated 137 OOMKilled`."""
    for name, body in state.items():
        words = [name, *(str(body[key]) for key in ("exitCode", "signal", "reason") if body.get(key) is not None)]
        return " ".join(words) + (f": {body['message']}" if body.get("message") else "")
    return ""


def _job(obj: Object) -> Projection:
    status = obj.get("status") or {}
    return {
        "suspend": obj["spec"].get("suspend"),
        "conditions": conditions(obj),
        **{key: status.get(key) for key in ("active", "ready", "succeeded", "failed", "terminating", "completedIndexes", "failedIndexes")},
        "started": bool(status.get("startTime")),
        "completed": bool(status.get("completionTime")),
        "uncounted": {key: len(value) for key, value in (status.get("uncountedTerminatedPods") or {}).items() if value},
    }  # fmt: skip


def _cron_job(obj: Object) -> Projection:
    status = obj.get("status") or {}
    return {
        "suspend": obj["spec"].get("suspend"),
        "active": len(status.get("active") or ()),
        "scheduled": bool(status.get("lastScheduleTime")),
        "succeeded": bool(status.get("lastSuccessfulTime")),
    }


def _counted(*fields: str) -> Callable[[Object], Projection]:
    """`spec.replicas`, the conditions, and counts of the status."""

    def of(obj: Object) -> Projection:
        status = obj.get("status") or {}
        desired = (obj.get("spec") or {}).get("replicas")
        return {"desired": desired, "conditions": conditions(obj), **{key: status.get(key) for key in fields}}

    return of


def _observed(obj: Object) -> Projection:
    """Whether the controller has seen the newest generation."""
    return {"observed": lookup(obj, "status.observedGeneration") == obj["metadata"].get("generation")}


_DEPLOYMENT = _counted(
    "replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas", "terminatingReplicas", "collisionCount"
)  # fmt: skip
_REPLICA_SET = _counted("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "terminatingReplicas")
_STATEFUL_SET = _counted(
    "replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas", "currentRevision", "updateRevision"
)  # fmt: skip
_DAEMON_SET = _counted(
    "currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady", "numberAvailable", "numberUnavailable", "updatedNumberScheduled"
)  # fmt: skip


def _deployment(obj: Object) -> Projection:
    annotations = obj["metadata"].get("annotations") or {}
    revision = annotations.get("deployment.kubernetes.io/revision")
    return {**_DEPLOYMENT(obj), **_observed(obj), "revision": revision, "paused": obj["spec"].get("paused")}


def _replica_set(obj: Object) -> Projection:
    annotations = obj["metadata"].get("annotations") or {}
    return {
        **_REPLICA_SET(obj),
        **_observed(obj),
        "revision": annotations.get("deployment.kubernetes.io/revision"),
        "desiredReplicas": annotations.get("deployment.kubernetes.io/desired-replicas"),
        "maxReplicas": annotations.get("deployment.kubernetes.io/max-replicas"),
        "revisionHistory": annotations.get("deployment.kubernetes.io/revision-history"),
    }


def _stateful_set(obj: Object) -> Projection:
    return {**_STATEFUL_SET(obj), **_observed(obj)}


def _daemon_set(obj: Object) -> Projection:
    return {**_DAEMON_SET(obj), **_observed(obj)}


def _hpa(obj: Object) -> Projection:
    status = obj.get("status") or {}
    return {
        "conditions": conditions(obj),
        "currentReplicas": status.get("currentReplicas"),
        "desiredReplicas": status.get("desiredReplicas"),
        "currentMetrics": list(status.get("currentMetrics") or ()),
    }


def _budget(obj: Object) -> Projection:
    keys = ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")
    disrupted = {"disrupted": len(lookup(obj, "status.disruptedPods") or ())}
    return {**_values(obj, *(f"status.{key}" for key in keys)), "conditions": conditions(obj), **disrupted}


def _claim(obj: Object) -> Projection:
    annotations = obj["metadata"].get("annotations") or {}
    return {
        **_values(
            obj, "status.phase", "status.accessModes", "status.capacity", "spec.volumeName", "spec.storageClassName"
        ),
        "selectedNode": annotations.get("volume.kubernetes.io/selected-node"),
        "provisioner": annotations.get("volume.kubernetes.io/storage-provisioner"),
        "owners": [owner["kind"] for owner in obj["metadata"].get("ownerReferences") or ()],
    }


def _volume(obj: Object) -> Projection:
    return {
        **_values(obj, "status.phase", "spec.persistentVolumeReclaimPolicy"),
        "claim": lookup(obj, "spec.claimRef.name"),
    }


def _node(obj: Object) -> Projection:
    taints = sorted(
        f"{taint['key']}{'=' + taint['value'] if taint.get('value') else ''}:{taint['effect']}"
        for taint in obj["spec"].get("taints") or ()
    )
    return {"taints": taints, "unschedulable": obj["spec"].get("unschedulable"), "conditions": conditions(obj)}


def _slice(obj: Object) -> Projection:
    # A set: its order is that of the names, which are random, and so is settled when they have been replaced.
    endpoints = frozenset(
        " ".join(
            [
                str(lookup(endpoint, "targetRef.name") or ""),
                *(key for key in ("ready", "serving", "terminating") if (endpoint.get("conditions") or {}).get(key)),
            ]
        )
        for endpoint in obj.get("endpoints") or ()
    )
    ports = [f"{port.get('name') or ''}:{port.get('port')}/{port.get('protocol')}" for port in obj.get("ports") or ()]
    return {"endpoints": endpoints, "ports": ports, "addressType": obj.get("addressType")}


def _quota(obj: Object) -> Projection:
    return _values(obj, "status.hard", "status.used")


def _service(obj: Object) -> Projection:
    return _values(obj, "spec.type")


def _revision(obj: Object) -> Projection:
    return _values(obj, "revision")


def _generic(obj: Object) -> Projection:
    """Of what is not listed: that it is there, its phase and conditions."""
    return {**_values(obj, "status.phase"), "conditions": conditions(obj)}


_BY_KIND: Mapping[str, Callable[[Object], Projection]] = {
    "Pod": _pod,
    "Job": _job,
    "CronJob": _cron_job,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "HorizontalPodAutoscaler": _hpa,
    "PodDisruptionBudget": _budget,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "Node": _node,
    "EndpointSlice": _slice,
    "ResourceQuota": _quota,
    "Service": _service,
    "ControllerRevision": _revision,
}
