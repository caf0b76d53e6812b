"""The Argo Workflows engine, on harness/kube only, so that it runs against the embedded cluster and against a real one.

`controller` decides when a workflow is looked at and writes the outcome; `operation` is one look, with `reconcile` (what became of the pods), `dag`,
`steps`, `leaves` and `hooks` (what can start). All other modules are rules without state. Follows Argo Workflows 4.1.2.

On purpose absent: the executor (no outputs, artifacts or logs are taken from a pod, see `pods`), container sets, resource, HTTP, data and plug-in templates,
daemons, sidecars, synchronization, memoization, workflow templates, hooks other than exit, metrics. `spec` refuses all of them by name, but for metrics.
"""

from harness.workflows.controller import REQUEUE_US, WorkflowController
from harness.workflows.errors import ExpressionError, InvalidSpec, NotSupported, Unresolved, WorkflowError

__all__ = [
    "REQUEUE_US",
    "ExpressionError",
    "InvalidSpec",
    "NotSupported",
    "Unresolved",
    "WorkflowController",
    "WorkflowError",
]
