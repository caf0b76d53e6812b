"""The resource types that this project speaks of: where each lives in the API and what it is called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, order=True)
class Resource:
    """A resource type of the Kubernetes API, e.g. group `batch`, version `v1`, plural `jobs`, kind `Job`."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Every write asks it many times: it is the same constant, or nearly always of another name."""
        if self is other:
            return True
        return isinstance(other, Resource) and self.plural == other.plural and self._identity == other._identity

    def __hash__(self) -> int:
        return hash((self.group, self.version, self.plural))

    @property
    def _identity(self) -> tuple[object, ...]:
        return (
            *(self.group, self.version, self.plural, self.kind, self.namespaced),
            *(self.singular, self.short_names, self.categories, self.subresources),
        )

    @cached_property
    def api_version(self) -> str:
        """As in an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def group_resource(self) -> str:
        """As in an error message: `jobs.batch`, or `pods` in the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def storage_key(self) -> str:
        """Equal for types that show the same stored objects: `events` is served by the core group and by events.k8s.io."""
        key = self.group_resource
        return _STORED_WITH.get(key, key)


_STORED_WITH = {"events.events.k8s.io": "events"}


def _core(
    plural: str, kind: str, *short: str, namespaced: bool = True, status: bool = False, more: tuple[str, ...] = ()
) -> Resource:
    subresources = (("status",) if status else ()) + more
    categories = ("all",) if plural in {"pods", "services", "replicationcontrollers"} else ()
    return Resource("", "v1", plural, kind, namespaced, kind.lower(), short, categories, subresources)


def _grouped(  # the shape of nearly everything outside the core group
    group: str,
    plural: str,
    kind: str,
    *short: str,
    namespaced: bool = True,
    version: str = "v1",
    more: tuple[str, ...] = (),
) -> Resource:
    categories = ("all",) if (group, plural) in _ALL else ("api-extensions",) if group in _EXTENSIONS else ()
    return Resource(group, version, plural, kind, namespaced, kind.lower(), short, categories, more)


_EXTENSIONS = {"admissionregistration.k8s.io", "apiregistration.k8s.io"}
_ALL = {
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("autoscaling", "horizontalpodautoscalers"),
}
_STATUS = ("status",)
_SCALED = ("status", "scale")

NAMESPACES = _core("namespaces", "Namespace", "ns", namespaced=False, status=True, more=("finalize",))
NODES = _core("nodes", "Node", "no", namespaced=False, status=True)
PODS = _core(
    "pods",
    "Pod",
    "po",
    status=True,
    more=("log", "binding", "eviction", "exec", "attach", "portforward", "ephemeralcontainers", "resize"),
)
CONFIG_MAPS = _core("configmaps", "ConfigMap", "cm")
SECRETS = _core("secrets", "Secret")
SERVICE_ACCOUNTS = _core("serviceaccounts", "ServiceAccount", "sa", more=("token",))
SERVICES = _core("services", "Service", "svc", status=True)
ENDPOINTS = _core("endpoints", "Endpoints", "ep")
EVENTS = _core("events", "Event", "ev")
PERSISTENT_VOLUMES = _core("persistentvolumes", "PersistentVolume", "pv", namespaced=False, status=True)
PERSISTENT_VOLUME_CLAIMS = _core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", status=True)
RESOURCE_QUOTAS = _core("resourcequotas", "ResourceQuota", "quota", status=True)
LIMIT_RANGES = _core("limitranges", "LimitRange", "limits")
POD_TEMPLATES = _core("podtemplates", "PodTemplate")
REPLICATION_CONTROLLERS = _core("replicationcontrollers", "ReplicationController", "rc", status=True, more=("scale",))
JOBS = _grouped("batch", "jobs", "Job", more=_STATUS)
CRON_JOBS = _grouped("batch", "cronjobs", "CronJob", "cj", more=_STATUS)
DEPLOYMENTS = _grouped("apps", "deployments", "Deployment", "deploy", more=_SCALED)
REPLICA_SETS = _grouped("apps", "replicasets", "ReplicaSet", "rs", more=_SCALED)
STATEFUL_SETS = _grouped("apps", "statefulsets", "StatefulSet", "sts", more=_SCALED)
DAEMON_SETS = _grouped("apps", "daemonsets", "DaemonSet", "ds", more=_STATUS)
CONTROLLER_REVISIONS = _grouped("apps", "controllerrevisions", "ControllerRevision")
HORIZONTAL_POD_AUTOSCALERS = _grouped(
    "autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", version="v2", more=_STATUS
)
HORIZONTAL_POD_AUTOSCALERS_V1 = _grouped(
    "autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", more=_STATUS
)
EVENTS_V1 = _grouped("events.k8s.io", "events", "Event", "ev")
LEASES = _grouped("coordination.k8s.io", "leases", "Lease")
ENDPOINT_SLICES = _grouped("discovery.k8s.io", "endpointslices", "EndpointSlice")
INGRESSES = _grouped("networking.k8s.io", "ingresses", "Ingress", "ing", more=_STATUS)
INGRESS_CLASSES = _grouped("networking.k8s.io", "ingressclasses", "IngressClass", namespaced=False)
NETWORK_POLICIES = _grouped("networking.k8s.io", "networkpolicies", "NetworkPolicy", "netpol")
PRIORITY_CLASSES = _grouped("scheduling.k8s.io", "priorityclasses", "PriorityClass", "pc", namespaced=False)
RUNTIME_CLASSES = _grouped("node.k8s.io", "runtimeclasses", "RuntimeClass", namespaced=False)
STORAGE_CLASSES = _grouped("storage.k8s.io", "storageclasses", "StorageClass", "sc", namespaced=False)
CSI_DRIVERS = _grouped("storage.k8s.io", "csidrivers", "CSIDriver", namespaced=False)
CSI_NODES = _grouped("storage.k8s.io", "csinodes", "CSINode", namespaced=False)
CSI_STORAGE_CAPACITIES = _grouped("storage.k8s.io", "csistoragecapacities", "CSIStorageCapacity")
VOLUME_ATTACHMENTS = _grouped("storage.k8s.io", "volumeattachments", "VolumeAttachment", namespaced=False, more=_STATUS)
ROLES = _grouped("rbac.authorization.k8s.io", "roles", "Role")
ROLE_BINDINGS = _grouped("rbac.authorization.k8s.io", "rolebindings", "RoleBinding")
CLUSTER_ROLES = _grouped("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = _grouped(
    "rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    False,
    "customresourcedefinition",
    ("crd", "crds"),
    ("api-extensions",),
    ("status",),
)
MUTATING_WEBHOOK_CONFIGURATIONS = _grouped(
    "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", namespaced=False
)
VALIDATING_WEBHOOK_CONFIGURATIONS = _grouped(
    "admissionregistration.k8s.io",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
API_SERVICES = _grouped("apiregistration.k8s.io", "apiservices", "APIService", namespaced=False, more=_STATUS)
POD_DISRUPTION_BUDGETS = _grouped("policy", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", more=_STATUS)

BUILT_IN: tuple[Resource, ...] = (
    NAMESPACES,
    NODES,
    PODS,
    CONFIG_MAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    ENDPOINTS,
    EVENTS,
    PERSISTENT_VOLUMES,
    PERSISTENT_VOLUME_CLAIMS,
    RESOURCE_QUOTAS,
    LIMIT_RANGES,
    POD_TEMPLATES,
    REPLICATION_CONTROLLERS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    CONTROLLER_REVISIONS,
    JOBS,
    CRON_JOBS,
    HORIZONTAL_POD_AUTOSCALERS,
    LEASES,
    ENDPOINT_SLICES,
    INGRESSES,
    INGRESS_CLASSES,
    NETWORK_POLICIES,
    RUNTIME_CLASSES,
    PRIORITY_CLASSES,
    STORAGE_CLASSES,
    CSI_DRIVERS,
    CSI_NODES,
    CSI_STORAGE_CAPACITIES,
    VOLUME_ATTACHMENTS,
    ROLES,
    ROLE_BINDINGS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    API_SERVICES,
    CUSTOM_RESOURCE_DEFINITIONS,
    POD_DISRUPTION_BUDGETS,
)
"""The stored types, each in the version in which it is stored."""

OTHER_VERSIONS: tuple[tuple[Resource, Resource], ...] = (
    (HORIZONTAL_POD_AUTOSCALERS_V1, HORIZONTAL_POD_AUTOSCALERS),
    (EVENTS_V1, EVENTS),
)
"""Further versions that are served, each with the type that it is stored as."""

# Custom resources of Argo Workflows, served once its CustomResourceDefinitions are created.
WORKFLOWS = Resource("argoproj.io", "v1alpha1", "workflows", "Workflow", True, "workflow", ("wf",), (), ())
WORKFLOW_TEMPLATES = Resource(
    "argoproj.io", "v1alpha1", "workflowtemplates", "WorkflowTemplate", True, "workflowtemplate", ("wftmpl",)
)
