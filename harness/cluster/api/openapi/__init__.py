"""OpenAPI: the fields of every kind with their descriptions, and what kubectl asks of them before it explains, validates, patches and applies.

The built-in kinds are those of a real API server, word for word; kinds of CustomResourceDefinitions have the schemas that these declare. Paths are made from
what is served; their parameters are not described.
"""

from harness.cluster.api.openapi.documents import document, index, swagger_json, swagger_wire
from harness.cluster.api.openapi.wire import CONTENT_TYPE, MEDIA_TYPE

__all__ = ["CONTENT_TYPE", "MEDIA_TYPE", "document", "index", "swagger_json", "swagger_wire"]
