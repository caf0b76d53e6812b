"""Discovery: which groups, versions, resources and verbs there are, in the old form and in the aggregated one that kubectl asks for."""

from harness.cluster.api.discovery.catalogue import AGGREGATED, Catalogue, catalogue
from harness.cluster.api.discovery.places import subresources

__all__ = ["AGGREGATED", "Catalogue", "catalogue", "subresources"]
