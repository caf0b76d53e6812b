"""A directory as a sink. An object is a file that appears under its name whole, once, and on the disk, or not at all.

The bytes go to a file without a name (O_TMPFILE) or, where the file system has no such thing, one whose name starts
with a dot; after fsync a hard link gives it its name. Linking to a name that is taken fails, which makes the creation
exclusive also between processes and machines.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from uuid import uuid4

from pipeline.errors import SinkDenied, SinkError, SinkNotFound, SinkUnavailable
from pipeline.sink.base import StoredObject, conflict, digest


class LocalSink:
    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @property
    def url(self) -> str:
        return self._root.as_uri()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        folder = prefix.rpartition("/")[0]
        yield from self._walk(folder + "/" if folder else "", prefix)

    def stat(self, key: str) -> StoredObject | None:
        try:
            with open(self._path(key), "rb") as file:
                size_bytes = os.fstat(file.fileno()).st_size
                return StoredObject(key, size_bytes, file_digest(file, "sha256").hexdigest())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise self._error(key, error) from error

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise SinkNotFound(f"{self.url}/{key}: no such object") from error
        except OSError as error:
            raise self._error(key, error) from error

    def create(self, key: str, body: bytes) -> str:
        path = self._path(key)
        made = digest(body)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _link_new(path, body)
            except FileExistsError:
                found = self.stat(key)
                if found is None or found.sha256 != made:
                    raise conflict(self.url, key) from None
            _sync_folder(path.parent)
        except OSError as error:
            raise self._error(key, error) from error
        return made

    def close(self) -> None:
        """Nothing is held open."""

    def _path(self, key: str) -> Path:
        return self._root / key

    def _walk(self, folder: str, prefix: str) -> Iterator[StoredObject]:
        try:
            entries = list(os.scandir(self._root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        # With the slash of folders the order is that of whole keys, as S3 lists them.
        named = sorted(
            ((folder + entry.name + ("/" if entry.is_dir() else ""), entry) for entry in entries),
            key=lambda pair: pair[0],
        )
        for key, entry in named:
            if not (key.startswith(prefix) or prefix.startswith(key)) or entry.name.startswith("."):
                continue
            if key.endswith("/"):
                yield from self._walk(key, prefix)
            elif key.startswith(prefix):
                yield StoredObject(key, entry.stat().st_size)

    def _error(self, key: str, error: OSError) -> SinkError:
        kind = SinkDenied if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS} else SinkUnavailable
        return kind(f"{self.url}/{key}: {error.strerror}, check the directory that EM_SINK_URL names")


def _link_new(path: Path, body: bytes) -> None:
    try:
        descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o644)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}:
            raise
        _link_named(path, body)
        return
    try:
        _write(descriptor, body)
        # Only with a directory descriptor does Python call linkat and follow the link in /proc to the nameless file.
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)
    finally:
        os.close(descriptor)


def _link_named(path: Path, body: bytes) -> None:
    temporary = path.parent / f".{path.name}.{uuid4().hex}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        _write(descriptor, body)
        os.link(temporary, path)
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            temporary.unlink()


def _write(descriptor: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
