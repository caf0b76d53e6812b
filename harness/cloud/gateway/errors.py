"""Error bodies in the protocol that a service speaks: XML for S3 and the query protocols, JSON for the others."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

_QUERY_SERVICES = frozenset({"sts", "iam", "ec2", "sns", "autoscaling", "monitoring"})


@dataclass(frozen=True)
class Reply:
    """A finished HTTP answer."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


def error_reply(service: str, status: int, code: str, message: str) -> Reply:
    """The error as the service would send it."""
    if service == "s3":
        text = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message><RequestId>0</RequestId></Error>"
        return Reply(status, b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode(), "application/xml")
    if service in _QUERY_SERVICES:
        inner = f"<Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        text = f"<ErrorResponse>{inner}<RequestId>0</RequestId></ErrorResponse>"
        return Reply(status, text.encode(), "text/xml")
    return json_reply(status, {"__type": code, "message": message}, {"x-amzn-ErrorType": code})


def json_reply(status: int, body: object, headers: dict[str, str] | None = None) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(body).encode(), "application/json", headers or {})
