"""The types of the built-in kinds: what their JSON may hold, their protobuf form, how their lists merge."""

from harness.cluster.store.types.decode import Undecodable, decode, zero
from harness.cluster.store.types.schema import Field, Message, find_message, message_of
from harness.cluster.store.types.wire import Malformed, decode_body

__all__ = [
    "Field",
    "Malformed",
    "Message",
    "Undecodable",
    "decode",
    "decode_body",
    "find_message",
    "message_of",
    "zero",
]
