"""Reads what `infra` rendered: stacks and templates, intrinsic functions, creation order and the coverage table."""

from harness.cloud.assembly.coverage import Coverage, Covered, Treatment
from harness.cloud.assembly.errors import (
    AssemblyError,
    CircularDependency,
    TemplateUnreadable,
    UnknownIntrinsic,
    Unresolvable,
)
from harness.cloud.assembly.template import Assembly, Stack, TemplateResource, load, parse_stack

__all__ = [
    "Assembly",
    "AssemblyError",
    "CircularDependency",
    "Coverage",
    "Covered",
    "Stack",
    "TemplateResource",
    "TemplateUnreadable",
    "Treatment",
    "UnknownIntrinsic",
    "Unresolvable",
    "load",
    "parse_stack",
]
