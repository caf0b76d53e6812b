"""Records of data sets on the shared file system, their schema, and the catalogue made of them."""

from pipeline.records.store import RecordStore
from pipeline.records.validation import errors_of

__all__ = ["RecordStore", "errors_of"]
