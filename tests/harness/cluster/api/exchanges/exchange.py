"""Sends one request and keeps of the answer what two servers have to agree on."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import yaml

from tests.harness.cluster.api.answers.runner import comparable
from tests.harness.cluster.api.exchanges.table import SELECTORS, TABLE, Exchange

Connect = Callable[[], http.client.HTTPSConnection]
SECRETS = ("s1", "s2", "s3")
_VERSION = re.compile(r"current: \d+")


def prepare(connect: Connect, headers: Mapping[str, str], namespace: str) -> None:
    """Three secrets."""
    for name in SECRETS:
        body = orjson.dumps({"metadata": {"name": name, "labels": {"a": name}}})
        sent = {**headers, "Content-Type": "application/json"}
        assert send(connect, ("POST", f"/api/v1/namespaces/{namespace}/secrets", sent, body))[0] == 201


def send(connect: Connect, exchange: Exchange) -> tuple[int, str, bytes]:
    """The code, the media type and the body of the answer."""
    method, path, headers, body = exchange
    connection = connect()
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        connection.close()


def answers(connect: Connect, headers: Mapping[str, str], namespace: str) -> dict[str, dict[str, Any]]:
    """All of them, comparable."""
    return {name: answer(connect, headers, namespace, exchange) for name, exchange in {**TABLE, **SELECTORS}.items()}


def answer(connect: Connect, headers: Mapping[str, str], namespace: str, exchange: Exchange) -> dict[str, Any]:
    """One of them."""
    method, path, more, body = exchange
    code, media, data = send(connect, (method, path.replace("NS", namespace), {**headers, **more}, body))
    return {"code": code, "media": media, "body": _settled(comparable(_read(media, data), namespace))}


def _read(media: str, data: bytes) -> Any:
    if media == "application/yaml":
        return yaml.safe_load(data)
    if data.startswith(b'{"type"'):
        return [orjson.loads(line) for line in data.splitlines()]
    return orjson.loads(data) if data else None


def _settled(value: Any) -> Any:
    """Without tokens, versions in texts and the words of tables, which have tests of their own."""
    if isinstance(value, dict):
        return {
            key: "TOKEN" if key == "continue" else _settled(item)
            for key, item in value.items()
            if key not in {"description", "cells"}
        }
    if isinstance(value, list):
        return [_settled(item) for item in value]
    return _VERSION.sub("current: VERSION", value) if isinstance(value, str) else value
