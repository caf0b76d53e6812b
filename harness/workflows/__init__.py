"""The Argo Workflows engine, on harness/kube only, so that it runs against the embedded cluster and against a real one."""

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
