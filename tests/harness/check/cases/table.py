"""The cases of every rule."""

from tests.harness.check.cases import Cases, delivery, nodes, templates, workloads

CASES: dict[str, Cases] = {
    "tainted-without-label": nodes.TAINTED_WITHOUT_LABEL,
    "no-node-for-pod": nodes.NO_NODE_FOR_POD,
    "request-does-not-fit": nodes.REQUEST_DOES_NOT_FIT,
    "spot-and-on-demand": nodes.SPOT_AND_ON_DEMAND,
    "kubernetes-version": nodes.KUBERNETES_VERSION,
    "ended-service": templates.ENDED_SERVICE,
    "invalid-property": templates.INVALID_PROPERTY,
    "bucket-name-twice": templates.BUCKET_NAME_TWICE,
    "background-task-waited-for": workloads.BACKGROUND_TASK_WAITED_FOR,
    "undefined-template": workloads.UNDEFINED_TEMPLATE,
    "parameter": workloads.PARAMETER,
    "workflow-runs-once": workloads.WORKFLOW_RUNS_ONCE,
    "undefined-volume": workloads.UNDEFINED_VOLUME,
    "missing-scale-target": workloads.MISSING_SCALE_TARGET,
    "selects-no-pod": workloads.SELECTS_NO_POD,
    "missing-rollout-target": delivery.MISSING_ROLLOUT_TARGET,
    "unknown-bucket": delivery.UNKNOWN_BUCKET,
    "unknown-cluster": delivery.UNKNOWN_CLUSTER,
    "missing-script": delivery.MISSING_SCRIPT,
    "unknown-option": delivery.UNKNOWN_OPTION,
    "unset-variable": delivery.UNSET_VARIABLE,
    "static-keys": delivery.STATIC_KEYS,
    "code-not-in-image": delivery.CODE_NOT_IN_IMAGE,
    "savings-are-costs": templates.SAVINGS_ARE_COSTS,
}
