"""Secrets that hold a service account's token."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from harness.cluster.controllers.serviceaccounttokens import ACCOUNT, ACCOUNT_UID, TYPE, TokensController
from harness.kube.objects import new_object
from harness.kube.resources import SECRETS, SERVICE_ACCOUNTS

from .bench import Bench


def secret(name: str, account: str | None, kind: str = TYPE, **annotations: str) -> Any:
    given = {ACCOUNT: account, **annotations} if account else annotations
    return {**new_object(SECRETS, name, "default", annotations=given), "type": kind}


@pytest.fixture
def world(bench: Bench) -> Bench:
    def sign(namespace: str, name: str, uid: str, held_in: str) -> str:
        return f"token of {namespace}/{name} {uid} in {held_in}"

    bench.add(TokensController(bench.store, bench.store.writer("kube-controller-manager"), sign, "PEM"))
    bench.create(SERVICE_ACCOUNTS, new_object(SERVICE_ACCOUNTS, "builder", "default"))
    return bench


def make(world: Bench, *secrets: Any) -> None:
    for each in secrets:
        world.create(SECRETS, each)
    world.advance_to(world.now_s)


def held(world: Bench, name: str = "t") -> dict[str, str]:
    data = world.get(SECRETS, name).get("data") or {}
    return {key: base64.b64decode(text).decode() for key, text in data.items()}


def test_given_a_secret_for_a_token_then_it_is_filled(world: Bench) -> None:
    make(world, secret("t", "builder"))

    uid = world.get(SERVICE_ACCOUNTS, "builder")["metadata"]["uid"]
    assert held(world) == {"ca.crt": "PEM", "namespace": "default", "token": f"token of default/builder {uid} in t"}
    assert world.get(SECRETS, "t")["metadata"]["annotations"] == {ACCOUNT: "builder", ACCOUNT_UID: uid}


def test_given_other_data_then_only_what_is_missing_or_wrong_is_set(world: Bench) -> None:
    make(world, secret("t", "builder"))
    first = held(world)

    patch = {"data": {"ca.crt": base64.b64encode(b"old").decode(), "more": "eA==", "namespace": None}}
    world.kernel.call(lambda: world.store.patch(SECRETS, "default", "t", patch))
    world.advance_to(world.now_s)

    assert held(world) == {**first, "more": "x"}


@pytest.mark.parametrize("annotations", [{}, {ACCOUNT_UID: "somebody-else"}])
def test_given_an_account_that_does_not_exist_or_is_another_one_then_the_secret_is_deleted(
    world: Bench, annotations: dict[str, str]
) -> None:
    make(world, secret("t", "builder" if annotations else "nobody", **annotations))

    assert not world.exists(SECRETS, "t")


def test_given_an_account_that_goes_then_its_tokens_go(world: Bench) -> None:
    make(world, secret("t", "builder"), secret("other", None, "Opaque"))

    world.kernel.call(lambda: world.store.delete(SERVICE_ACCOUNTS, "default", "builder"))
    world.advance_to(world.now_s)

    assert [each["metadata"]["name"] for each in world.store.list(SECRETS)] == ["other"]


def test_given_a_secret_that_goes_then_the_account_no_longer_lists_it(world: Bench) -> None:
    make(world, secret("t", "builder"))
    patch = {"secrets": [{"name": "t"}, {"name": "kept"}]}
    world.kernel.call(lambda: world.store.patch(SERVICE_ACCOUNTS, "default", "builder", patch))

    world.kernel.call(lambda: world.store.delete(SECRETS, "default", "t"))
    world.advance_to(world.now_s)

    assert list(world.get(SERVICE_ACCOUNTS, "builder")["secrets"]) == [{"name": "kept"}]


def test_given_secrets_of_other_types_then_they_are_left_alone(world: Bench) -> None:
    make(world, secret("t", "builder", "Opaque"))

    assert held(world) == {}
