"""Phase 3: the whole pipeline as one Argo Workflow (4.1), in the order of the original's background mode.

EPFL depends on nothing and so truly overlaps the small loaders, which follow each other; OpenOrganelle starts after them, consolidation after
everything. `failFast` is off because the sources are independent: one that fails keeps what depends on it (always the consolidation) from
starting, not the others from ending.

Retries are for lost nodes only, and a lost node shows in four ways:
- the pod is deleted or evicted: Argo says Error, without an exit code (retried only by the policies OnError and Always, so the policy is Always);
- the node shuts down gracefully, as node images of Kubernetes 1.34 and later do: the pod stays, Failed, and the loader's exit code is 143;
- the node dies before its kubelet can report, or turns the pod away while it shuts down: Failed, exit code "-1", which is Argo's word for none;
- the grace period runs out: 137, which is also what exceeding the memory limit looks like. It is not retried: the loaders stop well within the
  grace, while a pod over its memory limit would be over it again.
Exit code 1 is a failure that the loader has already retried by itself. A template deadline would end with 143 too and thus be retried, so there is none.
"""

from __future__ import annotations

import json
from typing import Any

from infra.environments import Environment
from infra.platform.argo_controller import EXECUTOR_REQUESTS
from infra.services import SERVICES, Service
from infra.workloads.pod import (
    ANNOTATIONS,
    FINISHED_KEPT_S,
    GRACE_S,
    NAMESPACE,
    PART_OF,
    POD_SECURITY,
    SHARED_VOLUME,
    container,
    labels,
    scratch_volume,
)

ENTRYPOINT = "em-pipeline"
RETRY_LIMIT = 5
RETRY_EXPRESSION = 'lastRetry.status == "Error" || lastRetry.exitCode == "143" || lastRetry.exitCode == "-1"'

DEPENDENCIES: dict[str, tuple[str, ...]] = {
    "epfl": (),
    "idr": (),
    "flyem": ("idr",),
    "ebi": ("flyem",),
    "openorganelle": ("ebi",),
    "consolidate": ("epfl", "openorganelle"),
}


def workflow(environment: Environment) -> dict[str, Any]:
    """The Workflow, to be created for each run; refused if a pod does not fit an empty node of its pool."""
    by_name = {service.name: service for service in SERVICES}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "em-pipeline-", "namespace": NAMESPACE, "labels": dict(PART_OF)},
        "spec": {
            "entrypoint": ENTRYPOINT,
            "arguments": {
                "parameters": [
                    {"name": "chunk-size-mb", "value": str(environment.chunk_size_mb)},
                    {"name": "max-workers", "value": str(environment.max_workers)},
                    {"name": "image-tag", "value": environment.image_tag},
                ]
            },
            "podMetadata": {"labels": dict(PART_OF), "annotations": dict(ANNOTATIONS)},
            # The grace period is the one field of a pod that a Workflow has no field for.
            "podSpecPatch": json.dumps({"terminationGracePeriodSeconds": GRACE_S}),
            "securityContext": POD_SECURITY,
            "ttlStrategy": {"secondsAfterCompletion": FINISHED_KEPT_S},
            "volumes": [SHARED_VOLUME],
            "templates": [_dag(), *(_template(by_name[name], environment) for name in DEPENDENCIES)],
        },
    }


def _dag() -> dict[str, Any]:
    tasks = [_task(name, dependencies) for name, dependencies in DEPENDENCIES.items()]
    return {"name": ENTRYPOINT, "dag": {"failFast": False, "tasks": tasks}}


def _task(name: str, dependencies: tuple[str, ...]) -> dict[str, Any]:
    task: dict[str, Any] = {"name": name, "template": name}
    if dependencies:
        task["depends"] = " && ".join(dependencies)
    return task


def _template(service: Service, environment: Environment) -> dict[str, Any]:
    pool = environment.pool(service.pool)
    pool.refuse_unless_fits([(f"Workflow task {service.name}", service.requests + EXECUTOR_REQUESTS)])
    main = container(
        service,
        environment,
        image_tag="{{workflow.parameters.image-tag}}",
        chunk_size_mb="{{workflow.parameters.chunk-size-mb}}",
        max_workers="{{workflow.parameters.max-workers}}",
    )
    del main["name"]  # Argo names it, and refuses another name
    return {
        "name": service.name,
        "metadata": {"labels": labels(service)},
        "serviceAccountName": service.name,
        **pool.placement,
        "retryStrategy": {"limit": RETRY_LIMIT, "retryPolicy": "Always", "expression": RETRY_EXPRESSION},
        "container": main,
        "volumes": [scratch_volume(service)],
    }
