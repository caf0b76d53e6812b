"""What is said of tokens, in the agent's words."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cloud.identity import CredentialsRefused
from harness.targets.kind.tokens import TokenOwner, check_claims, owner_of
from tests.harness.targets.kind.tokens import jwt

NOW_S = 1_800_000_000.0
AUTHENTICATED: dict[str, Any] = {
    "authenticated": True,
    "audiences": ["pods.eks.amazonaws.com"],
    "user": {
        "username": "system:serviceaccount:em-pipeline:ebi",
        "extra": {
            "authentication.kubernetes.io/pod-name": ["ebi-x"],
            "authentication.kubernetes.io/pod-uid": ["u-1"],
        },
    },
}


@pytest.mark.parametrize("claims", [{}, {"exp": NOW_S + 1}, {"nbf": NOW_S, "exp": NOW_S + 1}])
def test_given_a_token_within_its_time_when_it_is_looked_at_then_it_passes(claims: dict[str, Any]) -> None:
    check_claims(jwt(**claims), NOW_S)


@pytest.mark.parametrize(
    ("bearer", "words"),
    [
        ("x", "cannot be parsed: token is malformed: token contains an invalid number of segments"),
        ("Bearer é.a.b", "cannot be parsed: token is malformed: could not base64 decode header: .*"),
        ("e30.bm8.s", "cannot be parsed: token is malformed: could not JSON decode claim: .*"),
        ("e30.W10.s", "cannot be parsed: token is malformed: could not JSON decode claim: it is no object"),
        (jwt(exp="soon"), "cannot be parsed: token is malformed: could not JSON decode claim: .*"),
        (jwt(exp=NOW_S), "failed basic claim validations: token is expired"),
        (jwt(nbf=NOW_S + 1), "failed basic claim validations: token is not valid yet"),
    ],
)
def test_given_a_wrong_token_when_it_is_looked_at_then_it_is_a_bad_request(bearer: str, words: str) -> None:
    with pytest.raises(CredentialsRefused, match=f"^Service account token {words}$") as refused:
        check_claims(bearer, NOW_S)

    assert refused.value.status == 400


def test_given_an_authenticated_token_when_it_was_reviewed_then_its_pod_is_known() -> None:
    assert owner_of({"status": AUTHENTICATED}) == TokenOwner("em-pipeline", "ebi", "ebi-x", "u-1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"authenticated": False, "error": "token has expired"}, "is invalid: token has expired"),
        ({"audiences": ["https://kubernetes"]}, "is invalid: it is not authenticated"),
        ({"user": {"username": "system:serviceaccount:em-pipeline:ebi"}}, "is bound to no pod"),
        ({"user": {**AUTHENTICATED["user"], "username": "somebody"}}, "of somebody is bound to no pod"),
    ],
)
def test_given_a_token_that_is_none_of_a_pod_when_it_was_reviewed_then_it_is_refused(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(CredentialsRefused, match=rf"^\(InvalidTokenException\): .*{words}, fault: client$") as refused:
        owner_of({"status": {**AUTHENTICATED, **change}})

    assert refused.value.status == 400
