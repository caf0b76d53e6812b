"""An answer of an API server that is no success, as the error type that the embedded store raises for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.kube import errors
from harness.kube.errors import ApiError, Transient

_BY_REASON: Mapping[str, type[ApiError]] = {
    kind.reason: kind
    for kind in (
        errors.BadRequest,
        errors.Unauthorized,
        errors.Forbidden,
        errors.NotFound,
        errors.MethodNotAllowed,
        errors.AlreadyExists,
        errors.Conflict,
        errors.Expired,
        errors.UnsupportedMediaType,
        errors.Invalid,
        errors.TooManyRequests,
    )
}
_BY_CODE: Mapping[int, type[ApiError]] = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    409: errors.Conflict,
    410: errors.Expired,
    415: errors.UnsupportedMediaType,
    422: errors.Invalid,
    429: errors.TooManyRequests,
}


class Refused(ApiError):
    """An answer for which there is no type of its own; `code` and `reason` are the server's."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(message, details=details)
        self.code = code
        self.reason = reason


def error_of(code: int, body: Any) -> ApiError:
    """The error that a response with this code and this body (a Status, or whatever came) is."""
    status = body if isinstance(body, Mapping) else {}
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or (body if isinstance(body, str) else "") or f"the server answered {code}")
    details = dict(status.get("details") or {})
    if code >= 500 or (code == 429 and not _of_budget(details)):
        error = Transient(message, details=details)
        error.code, error.reason = code, reason or error.reason
        return error
    kind = _BY_REASON.get(reason) or (None if reason else _BY_CODE.get(code))
    if kind is None:
        return Refused(code, reason, message, details)
    return kind(message, details=details)


def _of_budget(details: Mapping[str, Any]) -> bool:
    """An eviction that a budget holds back is an answer; any other 429 is a server that has too much to do."""
    return any(cause.get("reason") == "DisruptionBudget" for cause in details.get("causes") or ())
