"""Tokens of service accounts: asked for with a TokenRequest (bound to a pod, a secret or a node, ending by the wall's clock) or lying in a Secret for ever.

Follows kubernetes 1.34 `pkg/registry/core/serviceaccount/storage/token.go` and `pkg/serviceaccount/claims.go`, `legacy.go`. A token of a TokenRequest
is good while its service account and what it is bound to live with the same uid; one in a Secret while that Secret holds it.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import format_time
from harness.cluster.api.auth.jwt import ISSUER, BadToken, Signer
from harness.cluster.api.auth.users import User, service_account
from harness.kube.client import Reader
from harness.kube.errors import BadRequest, Cause, Conflict, Invalid, NotFound
from harness.kube.objects import Object, name_of, uid_of
from harness.kube.resources import NODES, PODS, SECRETS, SERVICE_ACCOUNTS, Resource

_DEFAULT_S, _SHORTEST_S, _LONGEST_S = 3600, 600, 1 << 32
_TOKEN_REQUESTS = Resource("authentication.k8s.io", "v1", "tokenrequests", "TokenRequest")
_BOUND: Mapping[tuple[str, str], tuple[str, Resource]] = {
    ("v1", "Pod"): ("pod", PODS),
    ("v1", "Secret"): ("secret", SECRETS),
    ("v1", "Node"): ("node", NODES),
}
_SECOND_US = 1_000_000
LEGACY_ISSUER = "kubernetes/serviceaccount"
LEGACY_TYPE = "kubernetes.io/service-account-token"


class Unaccepted(Exception):
    """Credentials that are not accepted; the text is that of a TokenReview."""


class ServiceAccountTokens:
    """Issues and checks tokens. What touches the store belongs to the kernel's thread."""

    def __init__(self, reader: Reader, signer: Signer) -> None:
        self._reader = reader
        self._signer = signer

    def request(self, namespace: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """serviceaccounts/token: the TokenRequest with its token. Raises BadRequest, Conflict, Invalid, NotFound."""
        account = self._reader.get(SERVICE_ACCOUNTS, namespace, name)
        if account is None:
            raise NotFound.of(SERVICE_ACCOUNTS, name)
        spec = body.get("spec") or {}
        seconds = spec.get("expirationSeconds")
        seconds = _DEFAULT_S if seconds is None else seconds
        _check_seconds(seconds)
        audiences = list(spec.get("audiences") or [ISSUER])
        now = int(time.time())
        private: dict[str, Any] = {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid_of(account)}}
        reference = spec.get("boundObjectRef")
        if reference:
            private |= self._bound(namespace, name, reference)
        claims = {
            "aud": audiences,
            "exp": now + seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": private,
            "nbf": now,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        ends = format_time((now + seconds) * _SECOND_US)
        metadata = {"name": name, "namespace": namespace, "uid": uid_of(account)}
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {**metadata, "creationTimestamp": format_time(now * _SECOND_US)},
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": reference or None},
            "status": {"token": self._signer.sign(claims), "expirationTimestamp": ends},
        }

    def legacy(self, namespace: str, name: str, uid: str, secret: str) -> str:
        """The token that a Secret of type kubernetes.io/service-account-token holds; it never ends."""
        prefix = f"{LEGACY_ISSUER}/"
        return self._signer.sign(
            {
                "iss": LEGACY_ISSUER,
                f"{prefix}namespace": namespace,
                f"{prefix}secret.name": secret,
                f"{prefix}service-account.name": name,
                f"{prefix}service-account.uid": uid,
                "sub": f"system:serviceaccount:{namespace}:{name}",
            }
        )

    def accept(self, token: str, audiences: Sequence[str] = ()) -> tuple[User, list[str]]:
        """Whose token it is, and for which of the audiences (the API server's when none are given). Raises Unaccepted."""
        try:
            claims = self._signer.read(token)
        except BadToken as error:
            raise Unaccepted("invalid bearer token") from error
        if claims.get("iss") == LEGACY_ISSUER:
            return self._legacy_user(claims, token), list(audiences)
        wanted = list(audiences) or [ISSUER]
        agreed = [audience for audience in wanted if audience in claims["aud"]]
        if not agreed:
            texts = [" ".join(f'"{entry}"' for entry in entries) for entries in (claims["aud"], wanted)]
            text = f"token audiences [{texts[0]}] is invalid for the target audiences [{texts[1]}]"
            raise Unaccepted(f"[invalid bearer token, {text}]")
        now = time.time()
        if now > claims["exp"]:
            raise Unaccepted("[invalid bearer token, service account token has expired]")
        return self._user(claims), agreed

    def _user(self, claims: Mapping[str, Any]) -> User:
        private = claims["kubernetes.io"]
        namespace, account = private["namespace"], private["serviceaccount"]
        found = self._reader.get(SERVICE_ACCOUNTS, namespace, account["name"])
        _require_same(found, account["uid"], "service account token has been invalidated")
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims['jti']}",)}
        for part, resource in _BOUND.values():
            bound = private.get(part)
            if bound is None:
                continue
            place = namespace if resource.namespaced else None
            if "serviceaccount" in private and (part != "node" or "pod" not in private):
                _require_same(
                    self._reader.get(resource, place, bound["name"]),
                    bound["uid"],
                    "service account token has been invalidated",
                )
            if part != "secret":
                extra[f"authentication.kubernetes.io/{part}-name"] = (bound["name"],)
                extra[f"authentication.kubernetes.io/{part}-uid"] = (bound["uid"],)
        return service_account(namespace, account["name"], account["uid"], extra)

    def _legacy_user(self, claims: Mapping[str, Any], token: str) -> User:
        prefix = f"{LEGACY_ISSUER}/"
        namespace, name = claims[f"{prefix}namespace"], claims[f"{prefix}service-account.name"]
        secret = self._reader.get(SECRETS, namespace, claims[f"{prefix}secret.name"])
        held = ((secret or {}).get("data") or {}).get("token", "")
        if base64.b64decode(held) != token.encode():
            raise Unaccepted("[invalid bearer token, service account token has been invalidated]")
        uid = claims[f"{prefix}service-account.uid"]
        found = self._reader.get(SERVICE_ACCOUNTS, namespace, name)
        _require_same(found, uid, "service account token has been invalidated")
        return service_account(namespace, name, uid)

    def _bound(self, namespace: str, name: str, reference: Mapping[str, Any]) -> dict[str, Any]:
        """The claims of what a token is bound to; a pod has to run as the service account, and its node is named with it."""
        kind = (reference.get("apiVersion", ""), reference.get("kind", ""))
        if kind not in _BOUND:
            version = kind[0] if "/" in kind[0] else f"/{kind[0]}"
            raise BadRequest(f"cannot bind token to object of type {version}, Kind={kind[1]}")
        part, resource = _BOUND[kind]
        found = self._reader.get(resource, namespace if resource.namespaced else None, str(reference.get("name", "")))
        if found is None:
            raise NotFound.of(resource, str(reference.get("name", "")))
        uid = reference.get("uid")
        if uid and uid != uid_of(found):
            why = f"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
            raise Conflict.of(resource, name_of(found), why)
        claims: dict[str, Any] = {part: {"name": name_of(found), "uid": uid_of(found)}}
        if part == "pod":
            runs_as = (found.get("spec") or {}).get("serviceAccountName", "")
            if runs_as != name:
                raise BadRequest(
                    f'cannot bind token for serviceaccount "{name}" to pod running with different serviceaccount name.'
                )
            node = self._reader.get(NODES, None, (found.get("spec") or {}).get("nodeName") or "")
            if node is not None:
                claims["node"] = {"name": name_of(node), "uid": uid_of(node)}
        return claims


def _check_seconds(seconds: Any) -> None:
    why = ""
    if not isinstance(seconds, int) or seconds < _SHORTEST_S:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST_S:
        why = "may not specify a duration larger than 2^32 seconds"
    if why:
        cause = Cause("spec.expirationSeconds", "FieldValueInvalid", f"Invalid value: {seconds}: {why}")
        raise Invalid.of(_TOKEN_REQUESTS, "", [cause])


def _require_same(found: Object | None, uid: str, why: str) -> None:
    if found is None or uid_of(found) != uid:
        raise Unaccepted(f"[invalid bearer token, {why}]")
