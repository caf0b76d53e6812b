"""All manifests of an environment by file name. Platform files carry a number, because namespaces and custom resources come first."""

from __future__ import annotations

from infra.environments import Environment
from infra.platform import argo_controller, argo_crds, autoscaler, namespaces, storage_class
from infra.platform.addons import ADDONS
from infra.services import SERVICES
from infra.workloads import access, shared_storage
from infra.workloads.jobs import job
from infra.workloads.workflow import workflow
from infra.yaml_text import yaml_text

_CREATED = "One run: `kubectl create`, not apply (the name is generated)."


def manifests(environment: Environment) -> dict[str, str]:
    """The text of every manifest by its path below the environment's directory."""
    _refuse_unless_platform_fits(environment)
    files = {
        "platform/00-namespaces.yaml": yaml_text(namespaces.namespaces()),
        "platform/10-priority-class.yaml": yaml_text([namespaces.priority_class()]),
        "platform/20-storage-class.yaml": yaml_text([storage_class.storage_class()]),
        "platform/30-argo-crds.yaml": yaml_text(argo_crds.objects()),
        "platform/40-cluster-autoscaler.yaml": yaml_text(autoscaler.objects(environment)),
        "platform/50-argo-controller.yaml": yaml_text(argo_controller.objects(environment)),
        "workloads/access.yaml": yaml_text(access.objects()),
        "workloads/shared-storage.yaml": yaml_text(shared_storage.objects()),
        "workloads/workflow.yaml": yaml_text([workflow(environment)], comment=_CREATED),
    }
    for service in SERVICES:
        files[f"workloads/jobs/{service.name}.yaml"] = yaml_text([job(service, environment)], comment=_CREATED)
    return {f"manifests/{name}": text for name, text in files.items()}


def _refuse_unless_platform_fits(environment: Environment) -> None:
    """The system pool starts with one node, and nothing can add a second before everything here runs on the first."""
    pods = [(autoscaler.NAME, autoscaler.REQUESTS), (argo_controller.NAME, argo_controller.REQUESTS)]
    for addon in ADDONS:
        for deployed in addon.deployed:
            pods.extend((f"{deployed.name}-{replica}", deployed.requests) for replica in range(deployed.replicas))
    environment.pool("system").refuse_unless_fits(pods)
