"""The object store of the embedded cluster: one counter, one log, indexes, and the rules of the Kubernetes API for every write."""

from harness.cluster.store.log import Entry, Stored
from harness.cluster.store.registry import Registry, Served
from harness.cluster.store.store import Store

__all__ = ["Entry", "Registry", "Served", "Store", "Stored"]
