"""How Argo Workflows 4.1 names nodes and pods: the fnv-1a hash of a node's name, behind the workflow's (and for pods the template's) name."""

from __future__ import annotations

import re

_POD_NAME_PREFIX_MAX = 253 - 10 - 1  # a resource's name, less the hash, less its dash
_STEP_GROUP_PREFIX = re.compile(r"^\[\d+\]\.")


def fnv32a(text: str) -> int:
    """The 32-bit FNV-1a hash."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def node_id(workflow: str, node_name: str) -> str:
    """The key of a node in `status.nodes`."""
    return workflow if node_name == workflow else f"{workflow}-{fnv32a(node_name)}"


def pod_name(workflow: str, node_name: str, template: str) -> str:
    """The name of a node's pod (POD_NAMES v2)."""
    if node_name == workflow:
        return workflow
    prefix = workflow if ".inline" in node_name else f"{workflow}-{template}"
    return f"{prefix[:_POD_NAME_PREFIX_MAX]}-{fnv32a(node_name)}"


def display_name(node_name: str, boundary_name: str) -> str:
    """A node's name without that of the template instance it stands in."""
    if not boundary_name:
        return node_name
    short = node_name.removeprefix(boundary_name).removeprefix(".")
    return _STEP_GROUP_PREFIX.sub("", short) or node_name
