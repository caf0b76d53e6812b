"""What can be wrong with a workflow, as types.

WorkflowError
+-- InvalidSpec           the spec does not pass validation: the workflow fails at once, `invalid spec: ...`
+-- NotSupported          valid in Argo, not modelled here: fails the same way, and names the field
+-- Unresolved            a `{{tag}}` that nothing defines
+-- ExpressionError       an expression that cannot be read or evaluated
"""

from __future__ import annotations


class WorkflowError(Exception):
    """Anything that makes a workflow or one of its nodes fail by its definition."""


class InvalidSpec(WorkflowError):
    """The spec does not pass validation."""


class NotSupported(InvalidSpec):
    """A field that Argo knows and this engine does not."""

    def __init__(self, place: str, remedy: str = "remove it or run this workflow on a real controller") -> None:
        super().__init__(f"{place} is not modelled by this engine: {remedy}")


class Unresolved(WorkflowError):
    """A tag that nothing defines."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"failed to resolve {{{{{tag}}}}}")
        self.tag = tag


class ExpressionError(WorkflowError):
    """An expression that cannot be read or evaluated."""
