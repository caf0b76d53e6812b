"""Where data sets go: Amazon S3 (or what speaks its protocol), or a local directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.errors import SettingsError
from pipeline.settings import Settings
from pipeline.sink.base import Sink, StoredObject
from pipeline.sink.local import LocalSink

__all__ = ["LocalSink", "Sink", "StoredObject", "open_sink"]


def open_sink(settings: Settings, environ: Mapping[str, str]) -> Sink:
    """The sink that `sink_url` names."""
    url = settings.sink_url
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme == "s3":
        from pipeline.sink.s3 import open_s3

        return open_s3(settings, environ)
    if scheme == "file":
        parts = urlsplit(url)
        if parts.netloc not in {"", "localhost"}:
            raise SettingsError(f"EM_SINK_URL: {url!r} names the host {parts.netloc}, give file:///absolute/path")
        return LocalSink(Path(unquote(parts.path)))
    if scheme:
        raise SettingsError(f"EM_SINK_URL: {url!r} has the scheme {scheme}, give s3://bucket[/prefix] or a directory")
    return LocalSink(Path(url))
