"""The admission plugins of a default API server that matter here, under their upstream names (Kubernetes 1.34).

NamespaceLifecycle, ServiceAccount (without the projected token volume: the node agent provides credentials), Priority, DefaultTolerationSeconds,
DefaultStorageClass; and the cluster IP that the service registry allocates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.kube.client import Reader
from harness.kube.errors import Cause, Forbidden, NotFound
from harness.kube.objects import is_deleting, name_of
from harness.kube.resources import (
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    PRIORITY_CLASSES,
    SERVICE_ACCOUNTS,
    SERVICES,
    STORAGE_CLASSES,
    Resource,
)

Draft = dict[str, Any]
_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_PERMANENT_NAMESPACES = frozenset({"default", "kube-system", "kube-public"})


def forbidden(resource: Resource, name: str, why: str, causes: tuple[Cause, ...] = ()) -> Forbidden:
    """`pods "x" is forbidden: why`."""
    details: dict[str, Any] = {"name": name, "kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    if causes:
        details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    return Forbidden(f'{resource.group_resource} "{name}" is forbidden: {why}', details=details)


class Admission:
    """Looks at what is about to be created or deleted; `reader` shows the rest of the cluster."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._addresses = 0
        self._plugins: Mapping[str, Callable[[Draft], None]] = {
            PODS.group_resource: self._admit_pod,
            PERSISTENT_VOLUME_CLAIMS.group_resource: self._default_storage_class,
            SERVICES.group_resource: self._allocate_address,
        }

    def require_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        """NamespaceLifecycle: raises NotFound, or Forbidden while the namespace goes away."""
        found = self._reader.get(NAMESPACES, None, namespace)
        if found is None:
            raise NotFound.of(NAMESPACES, namespace)
        if is_deleting(found):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = Cause("metadata.namespace", "NamespaceTerminating", f"namespace {namespace} is being terminated")
            raise forbidden(resource, name, why, (cause,))

    def require_deletable(self, resource: Resource, name: str) -> None:
        """NamespaceLifecycle: some namespaces stay."""
        if resource == NAMESPACES and name in _PERMANENT_NAMESPACES:
            raise forbidden(resource, name, "this namespace may not be deleted")

    def admit(self, resource: Resource, draft: Draft) -> None:
        """Change a new object in place, or raise Forbidden."""
        plugin = self._plugins.get(resource.group_resource)
        if plugin is not None:
            plugin(draft)

    def _admit_pod(self, pod: Draft) -> None:
        self._service_account(pod)
        self._priority(pod)
        default_toleration_seconds(pod["spec"])

    def _service_account(self, pod: Draft) -> None:
        spec, namespace = pod["spec"], pod["metadata"]["namespace"]
        name = spec.setdefault("serviceAccountName", "default") or "default"
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = self._reader.get(SERVICE_ACCOUNTS, namespace, name)
        if account is None:
            why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise forbidden(PODS, pod["metadata"]["name"], why)
        if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(secret) for secret in account["imagePullSecrets"]]

    def _priority(self, pod: Draft) -> None:
        spec, name = pod["spec"], pod["spec"].get("priorityClassName")
        if name:
            found = self._reader.get(PRIORITY_CLASSES, None, name)
            if found is None:
                raise forbidden(PODS, pod["metadata"]["name"], f"no PriorityClass with name {name} was found")
        else:
            globals_ = [entry for entry in self._reader.list(PRIORITY_CLASSES) if entry.get("globalDefault")]
            found = min(globals_, key=lambda entry: int(entry.get("value", 0)), default=None)
            if found is not None:
                spec["priorityClassName"] = name_of(found)
        priority = 0 if found is None else int(found.get("value", 0))
        if spec.get("priority", priority) != priority:
            why = (
                f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; priority admission controller "
                f"computed {priority} from the given PriorityClass name"
            )
            raise forbidden(PODS, pod["metadata"]["name"], why)
        spec["priority"] = priority
        policy = "PreemptLowerPriority" if found is None else found.get("preemptionPolicy", "PreemptLowerPriority")
        spec.setdefault("preemptionPolicy", policy)

    def _default_storage_class(self, claim: Draft) -> None:
        if claim["spec"].get("storageClassName") is not None:
            return
        for storage_class in self._reader.list(STORAGE_CLASSES):
            if (storage_class["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
                claim["spec"]["storageClassName"] = name_of(storage_class)
                return

    def _allocate_address(self, service: Draft) -> None:
        spec = service["spec"]
        if spec["type"] == "ExternalName":
            return
        if "clusterIP" not in spec:
            self._addresses += 1
            spec["clusterIP"] = f"172.20.{self._addresses // 254}.{self._addresses % 254 + 1}"
        spec.setdefault("clusterIPs", [spec["clusterIP"]])


def default_toleration_seconds(spec: Draft) -> None:
    """DefaultTolerationSeconds, which looks at updates, too: pods outlive a lost node for five minutes."""
    tolerations = spec.setdefault("tolerations", [])
    for taint in _TAINTS:
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            tolerations.append({"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def _tolerates(toleration: Mapping[str, Any], taint: str) -> bool:
    return toleration.get("key") in {taint, None, ""} and toleration.get("effect") in {"NoExecute", None, ""}
