"""The pod of one service: the same container whether a Job or a Workflow starts it.

A spot node gives a notice of 120 s and its drain spends some of it, so a pod gets 60 s to stop. The loaders end within one request after SIGTERM.
"""

from __future__ import annotations

from typing import Any

from infra.environments import Environment
from infra.outputs import Output
from infra.services import Service

NAMESPACE = "em-pipeline"
PART_OF = {"app.kubernetes.io/part-of": "em-pipeline"}
SHARED_CLAIM = "em-shared"
SHARED_PATH = "/app/data"
SCRATCH_PATH = "/scratch"
RUN_AS_ID = 10001
GRACE_S = 60
FINISHED_KEPT_S = 24 * 3600

# Cluster Autoscaler drains a node whose requests fall below half of it, and one heavy loader is less than half of its node. A transfer of
# hours is not worth restarting for that.
ANNOTATIONS = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}

POD_SECURITY: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": RUN_AS_ID,
    "runAsGroup": RUN_AS_ID,
    "fsGroup": RUN_AS_ID,
    "seccompProfile": {"type": "RuntimeDefault"},
}

SHARED_VOLUME: dict[str, Any] = {"name": "shared", "persistentVolumeClaim": {"claimName": SHARED_CLAIM}}


def labels(service: Service) -> dict[str, str]:
    return {"app.kubernetes.io/name": service.name, **PART_OF}


def image(service: Service, tag: str) -> str:
    return f"{Output.REGISTRY_URI.placeholder}/{service.repository}:{tag}"


def scratch_volume(service: Service) -> dict[str, Any]:
    return {"name": "scratch", "emptyDir": {"sizeLimit": f"{service.scratch_mi}Mi"}}


def container(
    service: Service, environment: Environment, *, image_tag: str, chunk_size_mb: str, max_workers: str
) -> dict[str, Any]:
    """The service's container; the last three may be text that Argo fills in."""
    env = {
        "AWS_REGION": environment.region,
        "EM_DATA_DIR": SHARED_PATH,
        "EM_SINK_URL": f"s3://{Output.DATA_BUCKET_NAME.placeholder}",
        "MAX_WORKERS": max_workers,
        "MEMORY_LIMIT_GB": service.working_set_gb,
        "TMPDIR": SCRATCH_PATH,
        "ZARR_CHUNK_SIZE_MB": chunk_size_mb,
    }
    memory = f"{service.requests.memory_mi}Mi"
    return {
        "name": "main",
        "image": image(service, image_tag),
        # Said here although the image has it as its entry point: Argo's executor would otherwise ask the registry for it.
        "command": ["python", "-m", "pipeline"],
        "args": [service.name],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "resources": {
            "requests": {"cpu": f"{service.requests.cpu_m}m", "memory": memory},
            "limits": {"memory": memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "shared", "mountPath": SHARED_PATH},
            {"name": "scratch", "mountPath": SCRATCH_PATH},
        ],
    }
