"""The resource types that this project speaks of: where each lives in the API and what it is called."""

from __future__ import annotations

from dataclasses import dataclass


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

    @property
    def api_version(self) -> str:
        """As in an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """As in an error message: `jobs.batch`, or `pods` in the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _core(
    plural: str, kind: str, *short: str, namespaced: bool = True, status: bool = False, more: tuple[str, ...] = ()
) -> Resource:
    subresources = (("status",) if status else ()) + more
    categories = ("all",) if plural in {"pods", "services"} else ()
    return Resource("", "v1", plural, kind, namespaced, kind.lower(), short, categories, subresources)


NAMESPACES = _core("namespaces", "Namespace", "ns", namespaced=False, status=True)
NODES = _core("nodes", "Node", "no", namespaced=False, status=True)
PODS = _core("pods", "Pod", "po", status=True, more=("log", "binding", "eviction"))
CONFIG_MAPS = _core("configmaps", "ConfigMap", "cm")
SECRETS = _core("secrets", "Secret")
SERVICE_ACCOUNTS = _core("serviceaccounts", "ServiceAccount", "sa")
SERVICES = _core("services", "Service", "svc", status=True)
EVENTS = _core("events", "Event", "ev")
PERSISTENT_VOLUMES = _core("persistentvolumes", "PersistentVolume", "pv", namespaced=False, status=True)
PERSISTENT_VOLUME_CLAIMS = _core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", status=True)
JOBS = Resource("batch", "v1", "jobs", "Job", True, "job", (), ("all",), ("status",))
DEPLOYMENTS = Resource(
    "apps", "v1", "deployments", "Deployment", True, "deployment", ("deploy",), ("all",), ("status",)
)
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet", True, "replicaset", ("rs",), ("all",), ("status",))
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", True, "lease")
PRIORITY_CLASSES = Resource(
    "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", False, "priorityclass", ("pc",)
)
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, "storageclass", ("sc",))
CSI_DRIVERS = Resource("storage.k8s.io", "v1", "csidrivers", "CSIDriver", False, "csidriver")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role", True, "role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", True, "rolebinding")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False, "clusterrole")
CLUSTER_ROLE_BINDINGS = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False, "clusterrolebinding"
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
POD_DISRUPTION_BUDGETS = Resource(
    "policy",
    "v1",
    "poddisruptionbudgets",
    "PodDisruptionBudget",
    True,
    "poddisruptionbudget",
    ("pdb",),
    (),
    ("status",),
)

BUILT_IN: tuple[Resource, ...] = (
    NAMESPACES,
    NODES,
    PODS,
    CONFIG_MAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    EVENTS,
    PERSISTENT_VOLUMES,
    PERSISTENT_VOLUME_CLAIMS,
    JOBS,
    DEPLOYMENTS,
    REPLICA_SETS,
    LEASES,
    PRIORITY_CLASSES,
    STORAGE_CLASSES,
    CSI_DRIVERS,
    ROLES,
    ROLE_BINDINGS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    CUSTOM_RESOURCE_DEFINITIONS,
    POD_DISRUPTION_BUDGETS,
)

# Custom resources of Argo Workflows, served once its CustomResourceDefinitions are created.
WORKFLOWS = Resource("argoproj.io", "v1alpha1", "workflows", "Workflow", True, "workflow", ("wf",), (), ())
WORKFLOW_TEMPLATES = Resource(
    "argoproj.io", "v1alpha1", "workflowtemplates", "WorkflowTemplate", True, "workflowtemplate", ("wftmpl",)
)
