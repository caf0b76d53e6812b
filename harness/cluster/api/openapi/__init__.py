"""OpenAPI: the fields of every kind with their descriptions, and what kubectl asks of them before it explains, validates, patches and applies.

The built-in kinds are those of a real API server, word for word; kinds of CustomResourceDefinitions have the schemas that these declare. Paths are made from
what is served. Not there: the descriptions of parameters, and the protobuf form of v2.
"""

from harness.cluster.api.openapi.documents import document, index, swagger

__all__ = ["document", "index", "swagger"]
