"""The HTTP API of the embedded cluster, as kubectl and client libraries know it."""

from harness.cluster.api.server import ApiServer

__all__ = ["ApiServer"]
