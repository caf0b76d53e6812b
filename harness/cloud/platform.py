"""The platform rule: a modelled controller acts only if what runs it on the real thing is there.

Cluster Autoscaler and the Argo controller are Deployments of the rendered manifests; they act while one of their
replicas is available and take their flags from the container. Add-ons are part of the template. Remove one and the
matching failure appears.
"""

from __future__ import annotations

from harness.cloud.estate import Estate
from harness.kube.client import Reader
from harness.kube.objects import Object, is_deleting
from harness.kube.resources import DEPLOYMENTS

CLUSTER_AUTOSCALER_IMAGE = "cluster-autoscaler"
WORKFLOW_CONTROLLER_IMAGE = "workflow-controller"
POD_IDENTITY_ADDON = "eks-pod-identity-agent"
METRICS_SERVER_ADDON = "metrics-server"


def image_name(reference: str) -> str:
    """`registry.k8s.io/autoscaling/cluster-autoscaler:v1.36.1` is `cluster-autoscaler`."""
    return reference.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0]


def find_deployment(reader: Reader, image: str) -> Object | None:
    """The first Deployment that runs an image of that name."""
    for deployment in reader.list(DEPLOYMENTS):
        containers = deployment["spec"]["template"]["spec"].get("containers") or ()
        if any(image_name(str(container.get("image"))) == image for container in containers):
            return deployment
    return None


def is_available(deployment: Object | None) -> bool:
    """Whether a Deployment is there and has an available replica."""
    if deployment is None or is_deleting(deployment):
        return False
    return int((deployment.get("status") or {}).get("availableReplicas") or 0) > 0


def deployment_is_available(reader: Reader, image: str) -> bool:
    """Whether a Deployment that runs `image` has an available replica."""
    return is_available(find_deployment(reader, image))


def arguments_of(deployment: Object, image: str) -> list[str]:
    """Command and arguments of the container that runs `image`."""
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        if image_name(str(container.get("image"))) == image:
            return [*map(str, container.get("command") or ()), *map(str, container.get("args") or ())]
    return []


def service_account_of(deployment: Object) -> tuple[str, str]:
    """Namespace and service account of a Deployment's pods."""
    namespace = str(deployment["metadata"].get("namespace") or "default")
    return namespace, str(deployment["spec"]["template"]["spec"].get("serviceAccountName") or "default")


def has_credentials(estate: Estate, deployment: Object) -> bool:
    """Whether a Deployment's pods get AWS credentials: its service account has an association and the agent is installed."""
    return estate.has_addon(POD_IDENTITY_ADDON) and estate.pod_identity(*service_account_of(deployment)) is not None
