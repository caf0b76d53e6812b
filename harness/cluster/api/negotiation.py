"""Which form of an answer a client takes (apiserver `endpoints/handlers/negotiation`).

JSON and YAML are served. Protobuf is not, although a refusal names it, as upstream's does: whoever prefers protobuf and also takes JSON, as all known clients
do, gets JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from harness.cluster.api.http import Request, Response
from harness.kube.errors import ApiError

JSON, YAML = "application/json", "application/yaml"
_ANY = frozenset({JSON, "application/*", "*/*"})
_SERVED = f"{JSON}, {YAML}, application/vnd.kubernetes.protobuf"
_STREAMED = f"{JSON};stream=watch, application/vnd.kubernetes.protobuf;stream=watch"


class NotAcceptable(ApiError):
    """No form of the answer that the client takes is served."""

    code, reason = 406, "NotAcceptable"


class Clause(NamedTuple):
    """One of the types in Accept that are served: JSON or YAML, with its parameters."""

    media: str
    options: Mapping[str, str]


def clauses(accept: str) -> list[Clause]:
    """The types in Accept that are served, the preferred one first."""
    found: list[tuple[float, Clause]] = []
    for text in accept.replace(" ", "").split(","):
        name, *pairs = text.split(";")
        media = YAML if name.lower() == YAML else JSON if name.lower() in _ANY else ""
        if media:
            options = dict(pair.partition("=")[::2] for pair in pairs)
            found.append((_weight(options.get("q", "")), Clause(media, options)))
    return [clause for _, clause in sorted(found, key=lambda entry: -entry[0])]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def unknown_media(*, collection: bool) -> NotAcceptable:
    """Nothing in Accept is served; where one may watch, what a watch can be is told, too."""
    offered = f"{_SERVED}, {_STREAMED}" if collection else _SERVED
    return NotAcceptable(f"406: Not Acceptable\n\nAvailable representations: {offered}", details={})


def unknown_form(*, streamed: bool = False) -> NotAcceptable:
    """The media type is served, but not in this form, or not for a watch."""
    return NotAcceptable(f"only the following media types are accepted: {_STREAMED if streamed else _SERVED}")


def wants_yaml(request: Request, answer: Response) -> bool:
    """Whether the answer, which is JSON so far, is wanted as YAML."""
    accept = request.header("accept")
    if "yaml" not in accept or answer.content_type != JSON or not request.path.startswith("/api"):
        return False
    preferred = clauses(accept)
    return bool(preferred) and preferred[0].media == YAML
