"""Reviews: questions to authorizer and authenticator, sent as objects and answered, not stored (authorization.k8s.io, authentication.k8s.io)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.clock import format_time
from harness.cluster.api.auth.attributes import Attributes
from harness.cluster.api.auth.gate import Gate
from harness.cluster.api.auth.tokens import ServiceAccountTokens, Unaccepted
from harness.cluster.api.auth.users import ADMIN, User, authenticated
from harness.cluster.api.discovery.places import (
    LOCAL_SUBJECT_ACCESS_REVIEWS,
    SELF_SUBJECT_ACCESS_REVIEWS,
    SELF_SUBJECT_REVIEWS,
    SELF_SUBJECT_RULES_REVIEWS,
    SUBJECT_ACCESS_REVIEWS,
    TOKEN_REVIEWS,
)
from harness.kube.errors import BadRequest, Cause, Invalid
from harness.kube.resources import Resource

_UNTYPED = Resource("authorization.k8s.io", "v1", "", "")
Spec = Mapping[str, Any]


class Reviews:
    """Answers reviews. `now` is the cluster's time in microseconds. On the kernel's thread."""

    def __init__(self, gate: Gate, tokens: ServiceAccountTokens, now: Callable[[], int]) -> None:
        self._gate = gate
        self._tokens = tokens
        self._now = now
        self._answers: Mapping[Resource, Callable[[User, Spec, str], dict[str, Any]]] = {
            SELF_SUBJECT_ACCESS_REVIEWS: self._self_access,
            SUBJECT_ACCESS_REVIEWS: self._access,
            LOCAL_SUBJECT_ACCESS_REVIEWS: self._local_access,
            SELF_SUBJECT_RULES_REVIEWS: self._rules,
            SELF_SUBJECT_REVIEWS: self._self,
            TOKEN_REVIEWS: self._token,
        }

    def answer(self, resource: Resource, user: User, body: Mapping[str, Any], namespace: str) -> dict[str, Any]:
        """The review with its status. Raises BadRequest, Invalid."""
        head = {"kind": resource.kind, "apiVersion": resource.api_version}
        metadata = {"namespace": namespace} if namespace else {}
        return {**head, "metadata": metadata, **self._answers[resource](user, body.get("spec") or {}, namespace)}

    def _self_access(self, user: User, spec: Spec, _namespace: str) -> dict[str, Any]:
        return {"spec": dict(spec), "status": self._decided(user, spec)}

    def _access(self, _user: User, spec: Spec, _namespace: str) -> dict[str, Any]:
        if not spec.get("user") and not spec.get("groups"):
            raise _invalid("spec.user", 'Invalid value: "": at least one of user or group must be specified')
        return {"spec": dict(spec), "status": self._decided(_described(spec), spec)}

    def _local_access(self, user: User, spec: Spec, namespace: str) -> dict[str, Any]:
        if spec.get("nonResourceAttributes") is not None:
            why = "Invalid value: null: disallowed on this kind of request"
            raise _invalid("spec.nonResourceAttributes", why)
        asked = (spec.get("resourceAttributes") or {}).get("namespace", "")
        if asked != namespace:
            why = f'Invalid value: "{asked}": must match metadata.namespace'
            raise _invalid("spec.resourceAttributes.namespace", why)
        return self._access(user, spec, namespace)

    def _decided(self, user: User, spec: Spec) -> dict[str, Any]:
        resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if (resource is None) is (other is None):
            why = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
            raise _invalid("spec.resourceAttributes", why)
        if other is not None:
            attributes = Attributes(user, str(other.get("verb", "")), path=str(other.get("path") or "/"))
        else:
            fields = {
                name: str((resource or {}).get(name) or "")
                for name in ("verb", "group", "version", "resource", "subresource", "namespace", "name")
            }
            attributes = Attributes(user, **fields)
        decision = self._gate.authorize(attributes)
        return {"allowed": decision.allowed, **({"reason": decision.reason} if decision.reason else {})}

    def _rules(self, user: User, spec: Spec, _namespace: str) -> dict[str, Any]:
        if not spec.get("namespace"):
            raise BadRequest("no namespace on request")
        rules, problem = self._gate.rules(user, str(spec["namespace"]))
        kept = ("verbs", "apiGroups", "resources", "resourceNames")
        status: dict[str, Any] = {
            "resourceRules": [
                {key: list(rule[key]) for key in kept if rule.get(key)} for rule in rules if rule.get("resources")
            ],
            "nonResourceRules": [
                {"verbs": list(rule["verbs"]), "nonResourceURLs": list(rule["nonResourceURLs"])}
                for rule in rules
                if rule.get("nonResourceURLs")
            ],
            "incomplete": False,
        }
        return {"spec": {}, "status": {**status, "evaluationError": problem} if problem else status}

    def _self(self, user: User, _spec: Spec, _namespace: str) -> dict[str, Any]:
        return {
            "metadata": {"creationTimestamp": format_time(self._now())},
            "status": {"userInfo": user.info()},
        }

    def _token(self, _user: User, spec: Spec, _namespace: str) -> dict[str, Any]:
        token, audiences = str(spec.get("token") or ""), list(spec.get("audiences") or ())
        if not token:
            raise BadRequest("token is required for TokenReview in authentication")
        status: dict[str, Any]
        try:
            if self._gate.is_admin(token):
                found, agreed = ADMIN, audiences
            else:
                found, agreed = self._tokens.accept(token, audiences)
            status = {"authenticated": True, "user": authenticated(found).info()}
            if agreed:
                status["audiences"] = agreed
        except Unaccepted as error:
            status = {"user": {}, "error": str(error)}
        return {"spec": dict(spec), "status": status}


def _described(spec: Spec) -> User:
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return User(str(spec.get("user") or ""), tuple(spec.get("groups") or ()), str(spec.get("uid") or ""), extra)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid.of(_UNTYPED, "", [Cause(field, "FieldValueInvalid", message)])
