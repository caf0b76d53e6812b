"""The end of a server whose clients are in the middle of something."""

from __future__ import annotations

import gc
import logging
import time
from contextlib import ExitStack, closing

import pytest

from tests.harness.cluster.api.conftest import Face
from tests.harness.cluster.api.test_watch import MAPS, put

PORTS = "/api/v1/namespaces/default/pods/p"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAA"}
FORWARD = {**UPGRADE, "Sec-WebSocket-Protocol": "v4.channel.k8s.io"}


@pytest.mark.slow  # clients that take nothing are waited for
def test_given_watches_logs_forwards_and_waiting_requests_then_a_close_ends_them_within_a_second_and_without_errors(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    face.running_pod(log="one\n")
    put(face, "large", "x" * 900_000)
    begin = face.store.version
    requests: list[tuple[str, dict[str, str]]] = [
        *[(f"{MAPS}?watch=true&resourceVersion={begin}&allowWatchBookmarks=true", {})] * 5,
        *[(f"{MAPS}?watch=true&resourceVersion=0", {})] * 5,
        (f"{MAPS}?resourceVersion={begin + 100}", {}),
        (f"{MAPS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion={begin + 9}", {}),
        (f"{PORTS}/log?follow=true", {}),
        (f"{PORTS}/portforward?ports=80", FORWARD),
        *[(MAPS, {})] * 3,
    ]
    with caplog.at_level(logging.WARNING), ExitStack() as stack:
        connections = [stack.enter_context(closing(face.connect())) for _ in requests]
        for connection, (path, headers) in zip(connections, requests, strict=True):
            connection.request("GET", path, headers={"Authorization": f"Bearer {face.server.token}", **headers})
        half = stack.enter_context(closing(face.connect()))
        half.connect()
        half.sock.sendall(b"GET /api HTTP/1.1\r\nHost:")
        assert face.request("GET", f"{MAPS}/large").code == 200  # the others have been begun
        begun = time.monotonic()
        face.server.close()
        took_s = time.monotonic() - begun
        gc.collect()  # whoever forgot a task or its exception is told now
    assert took_s < 1
    assert [record.getMessage() for record in caplog.records] == []
