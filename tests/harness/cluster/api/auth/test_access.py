"""Who may do what, over HTTP with RBAC switched on. Texts are those of a real API server 1.34, which was asked the same."""

# ruff: noqa: E501 - upstream's texts stand in one piece

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Kernel, Seeds
from harness.cluster.api import ApiServer
from harness.cluster.store import Store
from harness.kube.resources import PODS, SECRETS, SERVICE_ACCOUNTS
from tests.harness.cluster.api.conftest import START_US, Answer, Face

pytestmark = pytest.mark.slow
RBAC, REVIEWS, TOKENS = (
    "/apis/rbac.authorization.k8s.io/v1",
    "/apis/authorization.k8s.io/v1",
    "/apis/authentication.k8s.io/v1",
)
ROLES, BINDINGS = f"{RBAC}/namespaces/default/roles", f"{RBAC}/namespaces/default/rolebindings"
PODS_PATH = "/api/v1/namespaces/default/pods"
POD_READER = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Face]:
    """A server with RBAC."""
    kernel = Kernel(START_US)
    store = Store(kernel, Seeds(7))
    kernel.start()
    server = ApiServer(kernel, store, version="v1.34.4", log_path=lambda *_: None, authorization="RBAC").start()
    yield Face(kernel, store, server, tmp_path)
    server.close()
    kernel.close()


def as_(name: str, **headers: str) -> dict[str, str]:
    return {"Impersonate_User": name, **headers}


def bind(face: Face, role: str, **subject: str) -> None:
    """Give a cluster role to somebody."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    body = {"metadata": {"generateName": "b-"}, "roleRef": reference, "subjects": [subject]}
    assert face.request("POST", f"{RBAC}/clusterrolebindings", body).code == 201


def message(answer: Answer) -> str:
    return str(answer.json["message"])


@pytest.mark.parametrize(
    ("method", "path", "text", "details"),
    [
        ("GET", PODS_PATH, 'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "default"', {"kind": "pods"}),
        ("GET", "/api/v1/pods", 'pods is forbidden: User "ann" cannot list resource "pods" in API group "" at the cluster scope', {"kind": "pods"}),
        ("GET", f"{PODS_PATH}/x/log", 'pods "x" is forbidden: User "ann" cannot get resource "pods/log" in API group "" in the namespace "default"', {"name": "x", "kind": "pods"}),
        ("GET", "/apis/apps/v1/namespaces/default/deployments?watch=1", 'deployments.apps is forbidden: User "ann" cannot watch resource "deployments" in API group "apps" in the namespace "default"', {"group": "apps", "kind": "deployments"}),
        ("GET", "/api/v1/namespaces/default", 'namespaces "default" is forbidden: User "ann" cannot get resource "namespaces" in API group "" in the namespace "default"', {"name": "default", "kind": "namespaces"}),
        ("GET", "/metrics", 'forbidden: User "ann" cannot get path "/metrics"', {}),
    ],
)  # fmt: skip
def test_given_no_role_then_the_refusal_reads_as_upstreams(
    guarded: Face, method: str, path: str, text: str, details: dict[str, str]
) -> None:
    answer = guarded.request(method, path, **as_("ann"))
    assert (answer.code, message(answer), answer.json.get("details")) == (403, text, details)


def test_given_credentials_then_each_is_who_they_are(guarded: Face) -> None:
    assert guarded.request("GET", "/version", Authorization="").code == 200
    nobody = guarded.request("GET", PODS_PATH, Authorization="")
    assert (nobody.code, 'User "system:anonymous" cannot list' in message(nobody)) == (403, True)
    assert guarded.request("GET", PODS_PATH, Authorization="Bearer x").json["message"] == "Unauthorized"
    me = guarded.request("POST", f"{TOKENS}/selfsubjectreviews", {}, **as_("ann", Impersonate_Group="g"))
    assert me.json["status"] == {"userInfo": {"username": "ann", "groups": ["g", "system:authenticated"]}}


def test_given_a_role_then_its_holder_may_and_reviews_say_why(guarded: Face) -> None:
    bind(guarded, "view", kind="User", name="ann")
    assert guarded.request("GET", PODS_PATH, **as_("ann")).code == 200
    assert guarded.request("GET", f"{PODS_PATH}/x", **as_("ann")).code == 404
    assert guarded.request("GET", "/api/v1/namespaces/default/secrets", **as_("ann")).code == 403
    asked = {"spec": {"user": "ann", "resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}}}
    status = guarded.request("POST", f"{REVIEWS}/subjectaccessreviews", asked).json["status"]
    assert status["allowed"] is True
    assert status["reason"].endswith('of ClusterRole "view" to User "ann"')
    own = {"spec": {"nonResourceAttributes": {"path": "/healthz", "verb": "get"}}}
    status = guarded.request("POST", f"{REVIEWS}/selfsubjectaccessreviews", own, **as_("bob")).json["status"]
    assert status == {
        "allowed": True,
        "reason": 'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"',
    }
    rules = guarded.request(
        "POST", f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, **as_("bob")
    )
    assert rules.json["status"]["resourceRules"] == [
        {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]},
        {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "spec", "code", "text"),
    [
        ("selfsubjectaccessreviews", {}, 422, '.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified'),
        ("subjectaccessreviews", {"resourceAttributes": {"verb": "get"}}, 422, '.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified'),
        ("namespaces/default/localsubjectaccessreviews", {"user": "b", "resourceAttributes": {"namespace": "other"}}, 422, '.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace'),
        ("selfsubjectrulesreviews", {}, 400, "no namespace on request"),
    ],
)  # fmt: skip
def test_given_half_a_review_then_it_is_refused(guarded: Face, path: str, spec: Any, code: int, text: str) -> None:
    answer = guarded.request("POST", f"{REVIEWS}/{path}", {"spec": spec})
    assert (answer.code, message(answer)) == (code, text)


def test_given_a_binding_to_a_role_that_is_not_there_then_the_refusal_says_so(guarded: Face) -> None:
    bind(guarded, "nope", kind="User", name="bob")
    answer = guarded.request("GET", PODS_PATH, **as_("bob"))
    assert message(answer).endswith(': RBAC: clusterrole.rbac.authorization.k8s.io "nope" not found')


def test_given_somebody_who_may_write_roles_then_they_grant_only_what_they_hold(guarded: Face) -> None:
    writer = [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["get", "create", "update", "patch"]}
    ]
    guarded.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "writer"}, "rules": writer})
    bind(guarded, "writer", kind="User", name="ann")
    more = [
        {"apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a", "b"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["watch"]},
    ]
    refused = guarded.request("POST", ROLES, {"metadata": {"name": "r1"}, "rules": more}, **as_("ann"))
    assert (refused.code, message(refused)) == (
        403,
        'roles.rbac.authorization.k8s.io "r1" is forbidden: user "ann" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'
        '{APIGroups:[""], Resources:["deployments"], Verbs:["get" "list"]}\n'
        '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list" "watch"]}\n'
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["*"]}\n'
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["*"]}\n'
        '{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}\n'
        '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list"]}',
    )
    held = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["get"]}]
    assert guarded.request("POST", ROLES, {"metadata": {"name": "r2"}, "rules": held}, **as_("ann")).code == 201
    merge = {"Content_Type": "application/merge-patch+json"}
    patched = guarded.request("PATCH", f"{ROLES}/r2", {"rules": POD_READER}, **as_("ann", **merge))
    assert (
        patched.code,
        message(patched).endswith('not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'),
    ) == (403, True)
    labelled = guarded.request("PATCH", f"{ROLES}/r2", {"metadata": {"labels": {"a": "b"}}}, **as_("ann", **merge))
    assert labelled.code == 200
    aggregated = {
        "metadata": {"name": "r3"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
    }
    refused = guarded.request("POST", f"{RBAC}/clusterroles", aggregated, **as_("ann"))
    assert (
        message(refused)
        == 'clusterroles.rbac.authorization.k8s.io "r3" is forbidden: must have cluster-admin privileges to use the aggregationRule'
    )
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "nope"}
    subjects = [{"kind": "User", "name": "bob"}]
    missing = guarded.request(
        "POST", BINDINGS, {"metadata": {"name": "x"}, "roleRef": reference, "subjects": subjects}, **as_("ann")
    )
    assert (missing.code, message(missing)) == (404, 'rolebindings.rbac.authorization.k8s.io "nope" not found')
    strong = {**reference, "name": "cluster-admin"}
    refused = guarded.request(
        "POST", BINDINGS, {"metadata": {"name": "x"}, "roleRef": strong, "subjects": subjects}, **as_("ann")
    )
    assert message(refused).endswith(
        'held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}'
    )
    weak = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r2"}
    assert (
        guarded.request(
            "POST", BINDINGS, {"metadata": {"name": "x"}, "roleRef": weak, "subjects": subjects}, **as_("ann")
        ).code
        == 201
    )


def token_of(face: Face, spec: Any = None, account: str = "default") -> Answer:
    return face.request("POST", f"/api/v1/namespaces/default/serviceaccounts/{account}/token", {"spec": spec or {}})


def test_given_a_token_request_then_its_token_is_the_service_accounts(guarded: Face) -> None:
    answer = token_of(guarded)
    assert (answer.code, answer.json["spec"]["expirationSeconds"]) == (201, 3600)
    bearer = {"Authorization": f"Bearer {answer.json['status']['token']}"}
    refused = guarded.request("GET", PODS_PATH, **bearer)
    assert 'User "system:serviceaccount:default:default" cannot list resource "pods"' in message(refused)
    bind(guarded, "view", kind="ServiceAccount", name="default", namespace="default")
    assert guarded.request("GET", PODS_PATH, **bearer).code == 200
    acting = guarded.request("GET", PODS_PATH, Impersonate_User="bob", **bearer)
    assert message(acting) == (
        'users "bob" is forbidden: User "system:serviceaccount:default:default" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    review = guarded.request("POST", f"{TOKENS}/tokenreviews", {"spec": {"token": answer.json["status"]["token"]}})
    assert review.json["status"]["user"]["groups"] == [
        "system:serviceaccounts",
        "system:serviceaccounts:default",
        "system:authenticated",
    ]
    other = {"spec": {"token": answer.json["status"]["token"], "audiences": ["x"]}}
    assert guarded.request("POST", f"{TOKENS}/tokenreviews", other).json["status"] == {
        "user": {},
        "error": '[invalid bearer token, token audiences ["https://kubernetes.default.svc.cluster.local"] is invalid for the target audiences ["x"]]',
    }
    guarded.kernel.call(lambda: guarded.store.delete(SERVICE_ACCOUNTS, "default", "default"))
    assert guarded.request("GET", PODS_PATH, **bearer).code == 401


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"expirationSeconds": 5}, 422, 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes'),
        ({"expirationSeconds": 1 << 33}, 422, 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 8589934592: may not specify a duration larger than 2^32 seconds'),
        ({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "nope"}}, 404, 'pods "nope" not found'),
        ({"boundObjectRef": {"kind": "Thing", "apiVersion": "v1", "name": "nope"}}, 400, "cannot bind token to object of type /v1, Kind=Thing"),
    ],
)  # fmt: skip
def test_given_a_token_request_that_cannot_be_then_it_is_refused(
    guarded: Face, spec: Any, code: int, text: str
) -> None:
    answer = token_of(guarded, spec)
    assert (answer.code, message(answer)) == (code, text)


def test_given_a_token_bound_to_a_pod_then_it_dies_with_it(guarded: Face) -> None:
    guarded.running_pod()
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "p"}
    bearer = {"Authorization": f"Bearer {token_of(guarded, {'boundObjectRef': reference}).json['status']['token']}"}
    me = guarded.request("POST", f"{TOKENS}/selfsubjectreviews", {}, **bearer).json["status"]["userInfo"]
    assert me["extra"]["authentication.kubernetes.io/pod-name"] == ["p"]
    assert me["extra"]["authentication.kubernetes.io/node-name"] == ["n1"]
    guarded.kernel.call(lambda: guarded.store.delete(PODS, "default", "p", grace_period_s=0))
    assert guarded.request("POST", f"{TOKENS}/selfsubjectreviews", {}, **bearer).code == 401


def test_given_an_ended_token_then_it_is_refused(guarded: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_of(guarded, {"expirationSeconds": 600}).json["status"]["token"]
    now = time.time()
    monkeypatch.setattr("harness.cluster.api.auth.tokens.time.time", lambda: now + 601)
    status = guarded.request("POST", f"{TOKENS}/tokenreviews", {"spec": {"token": token}}).json["status"]
    assert status == {"user": {}, "error": "[invalid bearer token, service account token has expired]"}


def test_given_the_key_set_then_it_names_the_key_of_the_tokens(guarded: Face) -> None:
    keys = guarded.request("GET", "/openid/v1/jwks").json["keys"]
    assert [(key["kty"], key["alg"]) for key in keys] == [("EC", "ES256")]
    assert (
        guarded.request("GET", "/.well-known/openid-configuration").json["issuer"]
        == "https://kubernetes.default.svc.cluster.local"
    )
    secrets = guarded.request("GET", f"/api/v1/namespaces/default/{SECRETS.plural}")
    assert secrets.json["items"] == []
