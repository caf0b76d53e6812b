"""FTP beyond what the sources use; resume, drops and lengths are tested with the sources."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest
from typing_extensions import Buffer

from fixtures.archives import Archives
from fixtures.archives.idr import FTP_DIRECTORY, IMAGE_NAME
from pipeline import errors
from pipeline.transfer import FtpClient, RetryPolicy
from pipeline.transfer.errors import ConnectionLost, RequestRefused, ScratchFailed

PATH = f"{FTP_DIRECTORY}/{IMAGE_NAME}"


@pytest.fixture(scope="module")
def archives() -> Iterator[Archives]:
    with Archives(0.0002, 1) as running:
        yield running


@pytest.fixture
def client(archives: Archives, policy: RetryPolicy) -> Iterator[FtpClient]:
    running = FtpClient(archives.environment_for("ftp")["EM_SOURCE_IDR_FTP_URL"], policy, timeout_s=10)
    yield running
    running.close()


def test_given_a_start_then_only_the_rest_is_written_where_the_sink_stands(client: FtpClient) -> None:
    size_bytes = client.size(PATH)
    whole, rest = io.BytesIO(), io.BytesIO(b"before")
    client.fetch(PATH, whole, size_bytes=size_bytes)
    rest.seek(6)
    client.fetch(PATH, rest, size_bytes=size_bytes, start=1000)
    assert rest.getvalue() == b"before" + whole.getvalue()[1000:]


def test_given_a_shorter_size_than_the_file_has_then_nothing_is_written_behind_it(client: FtpClient) -> None:
    sink = io.BytesIO()
    with pytest.raises(errors.WrongLength, match="where 5000 were expected"):
        client.fetch(PATH, sink, size_bytes=5000)
    assert len(sink.getvalue()) <= 5000
    assert client.list_names(FTP_DIRECTORY) == [IMAGE_NAME]


def test_given_a_sink_without_room_then_it_is_not_taken_for_a_lost_connection(client: FtpClient) -> None:
    class Full(io.BytesIO):
        def write(self, _: Buffer) -> NoReturn:
            raise OSError(28, "No space left on device")

    with pytest.raises(ScratchFailed, match=r"No space left on device; give TMPDIR a directory with room"):
        client.fetch(PATH, Full(), size_bytes=client.size(PATH))


def test_directories_and_missing_files_have_no_size(client: FtpClient) -> None:
    assert client.is_directory(FTP_DIRECTORY)
    assert not client.is_directory(PATH)
    for path in (FTP_DIRECTORY, "/nowhere"):
        with pytest.raises(errors.NotFound):
            client.size(path)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "ftp:///path"])
def test_given_no_ftp_address_then_it_is_refused(url: str, policy: RetryPolicy) -> None:
    with pytest.raises(RequestRefused, match="this is no FTP address; give one like"):
        FtpClient(url, policy, timeout_s=1)


def test_given_no_server_then_the_connection_is_lost(policy: RetryPolicy) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = FtpClient(f"ftp://127.0.0.1:{free.getsockname()[1]}", policy, timeout_s=1)
    with pytest.raises(ConnectionLost, match=r"ConnectionRefusedError.*\(3 attempts\)"):
        client.size("/a")
