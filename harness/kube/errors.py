"""What the API refuses, as types: each fixes code, reason and details of the `Status` object that a client gets.

    ApiError
    +-- BadRequest 400          +-- AlreadyExists 409       +-- Expired 410
    +-- Unauthorized 401        +-- Conflict 409            +-- Invalid 422
    +-- Forbidden 403           +-- MethodNotAllowed 405    +-- TooManyRequests 429
    +-- NotFound 404            +-- UnsupportedMediaType 415

Texts are those of kubernetes `staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go` (1.34).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.kube.resources import Resource


@dataclass(frozen=True)
class Cause:
    """One reason of an Invalid error: the field's path, the reason's name and the text."""

    field: str
    reason: str
    message: str


class ApiError(Exception):
    """An answer of the API server other than success."""

    code: int = 500
    reason: str = "InternalError"

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self._shows_details = details is not None

    def status(self) -> dict[str, Any]:
        """The metav1.Status that the HTTP face sends."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            **({"reason": self.reason} if self.reason else {}),
            "code": self.code,
        }
        if self._shows_details:
            body["details"] = self.details
        return body


def _details(resource: Resource, name: str) -> dict[str, Any]:
    details = {"name": name, "kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    return details


class BadRequest(ApiError):
    """The request itself cannot be understood."""

    code, reason = 400, "BadRequest"


class Unauthorized(ApiError):
    """No valid credentials."""

    code, reason = 401, "Unauthorized"


class Forbidden(ApiError):
    """Understood and refused."""

    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    """No such object."""

    code, reason = 404, "NotFound"

    @classmethod
    def of(cls, resource: Resource, name: str) -> NotFound:
        """`pods "x" not found`."""
        return cls(f'{resource.group_resource} "{name}" not found', details=_details(resource, name))


class MethodNotAllowed(ApiError):
    """The resource does not know this verb."""

    code, reason = 405, "MethodNotAllowed"


class AlreadyExists(ApiError):
    """The name is taken."""

    code, reason = 409, "AlreadyExists"

    @classmethod
    def of(cls, resource: Resource, name: str) -> AlreadyExists:
        """`pods "x" already exists`."""
        return cls(f'{resource.group_resource} "{name}" already exists', details=_details(resource, name))


class Conflict(ApiError):
    """A precondition (resourceVersion, uid) does not hold: read again and retry."""

    code, reason = 409, "Conflict"

    @classmethod
    def of(cls, resource: Resource, name: str, why: str = "") -> Conflict:
        """The text of an optimistic-lock failure unless `why` is given."""
        why = why or "the object has been modified; please apply your changes to the latest version and try again"
        return cls(
            f'Operation cannot be fulfilled on {resource.group_resource} "{name}": {why}',
            details=_details(resource, name),
        )


class Expired(ApiError):
    """A resourceVersion that is too old to watch or list from: list again."""

    code, reason = 410, "Expired"


class UnsupportedMediaType(ApiError):
    """The body's content type is not served."""

    code, reason = 415, "UnsupportedMediaType"


class Transient(ApiError):
    """No answer, or one that says nothing of the request: the server is starting, overloaded or gone. Try again later; it may have taken effect."""

    code, reason = 503, "ServiceUnavailable"


class Invalid(ApiError):
    """The object does not pass validation."""

    code, reason = 422, "Invalid"

    @classmethod
    def of(cls, resource: Resource, name: str, causes: list[Cause]) -> Invalid:
        """`Job.batch "x" is invalid: spec.template: Required value`, with a cause a field."""
        kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
        texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
        joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        details = {"name": name, "kind": resource.kind} if name else {"kind": resource.kind}
        if resource.group:
            details["group"] = resource.group
        full: dict[str, Any] = {
            **details,
            "causes": [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes],
        }
        return cls(f'{kind} "{name}" is invalid: {joined}', details=full)


class TooManyRequests(ApiError):
    """Try again later; an eviction that a PodDisruptionBudget holds back."""

    code, reason = 429, "TooManyRequests"
