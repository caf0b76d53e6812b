"""Where the cloud's servers listen."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterator

import pytest
from aiohttp import web

from harness.cloud.serving import ServerThread
from harness.cluster.api.tls import make_credentials


async def _hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


def _application() -> web.Application:
    application = web.Application()
    application.router.add_get("/", _hello)
    return application


@pytest.fixture
def servers() -> Iterator[ServerThread]:
    thread = ServerThread("127.0.0.2")
    thread.start()
    yield thread
    thread.close()


def test_given_an_address_when_something_is_served_then_it_listens_there_alone(servers: ServerThread) -> None:
    served = servers.serve(_application())

    assert served.url == f"http://127.0.0.2:{served.port}"
    with urllib.request.urlopen(served.url) as answer:
        assert answer.read() == b"hello"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{served.port}")


def test_given_a_certificate_when_something_is_served_then_it_speaks_tls(servers: ServerThread) -> None:
    credentials = make_credentials("test", ["127.0.0.2"])
    served = servers.serve(_application(), ssl_context=credentials.server_context())
    context = ssl.create_default_context(cadata=credentials.authority_pem.decode())

    with urllib.request.urlopen(served.url, context=context) as answer:
        assert (answer.status, served.url.partition(":")[0]) == (200, "https")


def test_given_an_address_of_another_machine_when_something_is_served_then_the_error_names_it() -> None:
    thread = ServerThread("192.0.2.1")
    thread.start()

    with pytest.raises(OSError, match=r"no server can listen on 192\.0\.2\.1: .*is it an address of this machine"):
        thread.serve(_application())

    thread.close()
