"""A member of a node group."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cloud.estate import NodeGroupSpec


@dataclass
class Member:
    """One instance of a node group; `ending` from the moment nobody counts on it any more."""

    spec: NodeGroupSpec
    instance_id: str
    node_name: str
    registered: bool = False
    ready: bool = False
    ending: bool = False
    replaced: bool = False  # a replacement was asked for: it no longer counts towards the desired size
