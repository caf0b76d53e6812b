"""A projected service account token, from its looks to its owner. Pure.

Follows eks-pod-identity-agent (`internal/validation`, `pkg/errors`, 2026; its JWT library's texts) and, for what the EKS Auth API decides behind it, that API's
errors; here a TokenReview of the cluster's API server decides.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.cloud.identity import CredentialsRefused
from harness.targets.kind.admission import AUDIENCE

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
_USER_PREFIX = "system:serviceaccount:"
_POD_NAME, _POD_UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"


@dataclass(frozen=True)
class TokenOwner:
    """Whose token it is."""

    namespace: str
    service_account: str
    pod: str
    uid: str


def check_claims(bearer: str, now_s: float) -> None:
    """What the agent looks at itself: that it is a JWT, and within its time. Raises CredentialsRefused."""
    parts = bearer.split(".")
    if len(parts) != 3:
        raise _unparsable("token contains an invalid number of segments")
    _json_part(parts[0], "header")
    claims = _json_part(parts[1], "claim")
    try:
        begins_s, ends_s = float(claims.get("nbf", 0)), float(claims.get("exp", math.inf))
    except (TypeError, ValueError) as error:
        raise _unparsable(f"could not JSON decode claim: {error}") from error
    failed = ""
    if ends_s <= now_s:
        failed = "token is expired"
    elif begins_s > now_s:
        failed = "token is not valid yet"
    if failed:
        raise CredentialsRefused(400, f"Service account token failed basic claim validations: {failed}")


def review_of(bearer: str) -> dict[str, Any]:
    """The TokenReview that asks about a token."""
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": bearer, "audiences": [AUDIENCE]},
    }


def owner_of(review: Mapping[str, Any]) -> TokenOwner:
    """Who a TokenReview's answer names. Raises CredentialsRefused for a token that is not valid here, or of no pod."""
    status = review.get("status") or {}
    if not status.get("authenticated") or AUDIENCE not in (status.get("audiences") or ()):
        why = status.get("error") or "it is not authenticated"
        raise refusal(400, "InvalidTokenException", f"The service account token is invalid: {why}")
    user = status.get("user") or {}
    name, extra = str(user.get("username") or ""), user.get("extra") or {}
    pods, uids = extra.get(_POD_NAME) or (), extra.get(_POD_UID) or ()
    if not name.startswith(_USER_PREFIX) or not pods or not uids:
        raise refusal(400, "InvalidTokenException", f"The service account token of {name} is bound to no pod")
    namespace, _, account = name.removeprefix(_USER_PREFIX).partition(":")
    return TokenOwner(namespace, account, str(pods[0]), str(uids[0]))


def refusal(status: int, code: str, message: str) -> CredentialsRefused:
    """A client's error as the agent passes it on from EKS Auth."""
    return CredentialsRefused(status, f"({code}): {message}, fault: client")


def _json_part(part: str, what: str) -> dict[str, Any]:
    try:
        decoded = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _unparsable(f"could not base64 decode {what}: {error}") from error
    try:
        found = json.loads(decoded)
    except ValueError as error:
        raise _unparsable(f"could not JSON decode {what}: {error}") from error
    if not isinstance(found, dict):
        raise _unparsable(f"could not JSON decode {what}: it is no object")
    return found


def _unparsable(why: str) -> CredentialsRefused:
    return CredentialsRefused(400, f"Service account token cannot be parsed: token is malformed: {why}")
