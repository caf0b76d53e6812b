"""Cluster Autoscaler, modelled: grows node groups for pods that no node takes and shrinks those that are not needed."""

from harness.cloud.autoscaler.controller import ClusterAutoscaler
from harness.cloud.autoscaler.flags import FlagError, Flags, parse_flags

__all__ = ["ClusterAutoscaler", "FlagError", "Flags", "parse_flags"]
