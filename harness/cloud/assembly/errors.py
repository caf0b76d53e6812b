"""What can be wrong with rendered templates: one type a kind, each naming the place and the remedy.

AssemblyError
+-- TemplateUnreadable    a file is missing or is no CloudFormation template
+-- UnknownIntrinsic      a function that is not resolved here
+-- Unresolvable          a reference, an export or a parameter without a value
+-- CircularDependency    resources or stacks that wait for each other
"""

from __future__ import annotations


class AssemblyError(Exception):
    """Rendered templates that cannot be turned into resources."""


class TemplateUnreadable(AssemblyError):
    """A file of the rendered directory is missing or malformed."""


class UnknownIntrinsic(AssemblyError):
    """An intrinsic function that `harness.cloud.assembly.intrinsics` does not know."""


class Unresolvable(AssemblyError):
    """A value that points nowhere."""


class CircularDependency(AssemblyError):
    """A cycle between resources or stacks."""
