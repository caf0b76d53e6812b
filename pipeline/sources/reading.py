"""What every source needs to reach its archive, and how JSON documents of archives are looked into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.transfer import HttpClient, RetryPolicy
from pipeline.transfer.errors import UnexpectedAnswer


@dataclass(frozen=True, slots=True)
class Access:
    """How patient a source is, and how many of its requests may be under way."""

    policy: RetryPolicy
    timeout_s: float
    connections_max: int = 1

    def http(self) -> HttpClient:
        return HttpClient(self.policy, timeout_s=self.timeout_s, connections_max=self.connections_max)


def member(document: Mapping[str, Any], path: str, kind: type | tuple[type, ...], place: str) -> Any:
    """The value at a dotted path of a JSON document, of the kind that is needed."""
    value: Any = document
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            raise UnexpectedAnswer(
                place, f"the answer has no {path!r} (missing {step!r})", "check that this is the right server"
            )
        value = value[step]
    # A bool is an int to Python and never a size.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UnexpectedAnswer(place, f"{path!r} is {value!r}", "check that this is the right server")
    return value
