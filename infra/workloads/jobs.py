"""Phase 2: one Job a service, to be created (not applied) for each run, as the Workflow is: a Job with a fixed name runs once.

The pod failure policy tells a loss from a failure. A pod that its node lost (drain, spot reclaim, preemption, node shutdown) has the condition
DisruptionTarget and does not count. Exit code 1 is the pipeline's word for a failure that it has already retried itself, so the Job ends at once.
What is left, a kill by memory (137) or a plain delete (143), counts towards backoffLimit.
"""

from __future__ import annotations

from typing import Any

from infra.environments import Environment
from infra.services import Service
from infra.workloads.pod import (
    ANNOTATIONS,
    FINISHED_KEPT_S,
    GRACE_S,
    NAMESPACE,
    POD_SECURITY,
    SHARED_VOLUME,
    container,
    labels,
    scratch_volume,
)

BACKOFF_LIMIT = 3

_FAILURE_POLICY: dict[str, Any] = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [1]}},
    ]
}


def job(service: Service, environment: Environment) -> dict[str, Any]:
    """The Job of one service; refused if its pod does not fit an empty node of its pool."""
    pool = environment.pool(service.pool)
    pool.refuse_unless_fits([(f"Job {service.name}", service.requests)])
    main = container(
        service,
        environment,
        image_tag=environment.image_tag,
        chunk_size_mb=str(environment.chunk_size_mb),
        max_workers=str(environment.max_workers),
    )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": f"{service.name}-", "namespace": NAMESPACE, "labels": labels(service)},
        "spec": {
            "backoffLimit": BACKOFF_LIMIT,
            "podFailurePolicy": _FAILURE_POLICY,
            "podReplacementPolicy": "Failed",
            "ttlSecondsAfterFinished": FINISHED_KEPT_S,
            "template": {
                "metadata": {"labels": labels(service), "annotations": dict(ANNOTATIONS)},
                "spec": {
                    "serviceAccountName": service.name,
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": GRACE_S,
                    **pool.placement,
                    "securityContext": POD_SECURITY,
                    "containers": [main],
                    "volumes": [SHARED_VOLUME, scratch_volume(service)],
                },
            },
        },
    }
