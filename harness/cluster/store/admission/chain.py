"""The order in which plugins see an object (`pkg/kubeapiserver/options/plugins.go`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.cluster.store.admission.defaultclasses import default_ingress_class, default_storage_class
from harness.cluster.store.admission.defaulttolerationseconds import default_toleration_seconds
from harness.cluster.store.admission.limitranger import check_claim_limits, check_pod_limits, default_limits
from harness.cluster.store.admission.namespacelifecycle import require_deletable, require_namespace
from harness.cluster.store.admission.persistentvolumeclaimresize import require_resizable
from harness.cluster.store.admission.priority import require_one_default, resolve_priority
from harness.cluster.store.admission.refusals import Draft
from harness.cluster.store.admission.resourcequota import Charge, charge
from harness.cluster.store.admission.runtimeclass import check_overhead, use_runtime_class
from harness.cluster.store.admission.serviceaccount import use_account
from harness.cluster.store.admission.storageobjectinuseprotection import CLAIM_FINALIZER, VOLUME_FINALIZER, protect
from harness.cluster.store.admission.taintnodesbycondition import taint_new_node
from harness.kube.client import Reader
from harness.kube.objects import Object
from harness.kube.resources import (
    INGRESSES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    PRIORITY_CLASSES,
    Resource,
)


class Admission:
    """Looks at what is about to be created, changed or deleted; `reader` shows the rest of the cluster, `suffix` draws names for token volumes."""

    def __init__(self, reader: Reader, suffix: Callable[[], str]) -> None:
        self._reader = reader
        self._suffix = suffix
        self._mutating: Mapping[str, Callable[[Draft], None]] = {
            PODS.group_resource: self._admit_pod,
            PERSISTENT_VOLUME_CLAIMS.group_resource: self._admit_claim,
            INGRESSES.group_resource: lambda ingress: default_ingress_class(reader, ingress),
            NODES.group_resource: taint_new_node,
            PERSISTENT_VOLUMES.group_resource: lambda volume: protect(volume, VOLUME_FINALIZER),
        }
        self._validating: Mapping[str, Callable[[Draft, Object | None], None]] = {
            PODS.group_resource: self._check_pod,
            PERSISTENT_VOLUME_CLAIMS.group_resource: self._check_claim,
            PRIORITY_CLASSES.group_resource: lambda new, _old: require_one_default(reader, new),
        }

    def require_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        """Before anything else: raises NotFound, or Forbidden while the namespace goes away."""
        require_namespace(self._reader, resource, namespace, name)

    def require_deletable(self, resource: Resource, name: str) -> None:
        """Raises Forbidden."""
        require_deletable(resource, name)

    def admit(self, resource: Resource, draft: Draft) -> None:
        """Change a new object in place, or raise Forbidden."""
        plugins = self._mutating.get(resource.group_resource)
        if plugins is not None:
            plugins(draft)

    def validate(self, resource: Resource, new: Draft, old: Object | None, now_us: int) -> list[Charge]:
        """Raise Forbidden for an object that may not be; the answer is what it costs. `old` is what it replaces."""
        plugins = self._validating.get(resource.group_resource)
        if plugins is not None:
            plugins(new, old)
        return charge(self._reader, resource, new, old, now_us) if resource.namespaced else []

    def _admit_pod(self, pod: Draft) -> None:
        default_limits(self._reader, pod)
        use_account(self._reader, pod, self._suffix)
        resolve_priority(self._reader, pod)
        default_toleration_seconds(pod["spec"])
        use_runtime_class(self._reader, pod)

    def _admit_claim(self, claim: Draft) -> None:
        default_storage_class(self._reader, claim)
        protect(claim, CLAIM_FINALIZER)

    def _check_pod(self, pod: Draft, old: Object | None) -> None:
        if old is None:
            check_pod_limits(self._reader, pod)
            check_overhead(self._reader, pod)

    def _check_claim(self, claim: Draft, old: Object | None) -> None:
        check_claim_limits(self._reader, claim)
        if old is not None:
            require_resizable(self._reader, claim, old)
