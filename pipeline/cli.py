"""The command line: `main(argv, environ)` runs one service and returns its exit code.

    0     done, or already ingested
    1     failed: one clear line on standard error, the whole story in the log and in the record
    143   SIGTERM: the record says cancelled, and a restart continues at the first missing shard

Importing this module starts no thread and opens nothing, so a process that has imported it can be forked; libraries that a
service needs are imported by the service.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from pipeline.errors import PipelineError, SettingsError, Terminated
from pipeline.settings import Settings, parse
from pipeline.sources.base import Source
from pipeline.telemetry import Metrics, start_logging

log = logging.getLogger(__name__)

EXIT_FAILED = 1
EXIT_TERMINATED = 128 + signal.SIGTERM


def main(
    argv: Sequence[str],
    environ: Mapping[str, str],
    open_source: Callable[[str, Settings, Path], Source] | None = None,
) -> int:
    """Run the service that `argv` names. `open_source` replaces the archives (for tests)."""
    try:
        with _sigterm_raises():
            service, settings = parse(argv, environ)
            start_logging(service)
            return _run(service, settings, environ, open_source)
    except SettingsError as error:
        _say(str(error))
        return EXIT_FAILED
    except Terminated:
        return EXIT_TERMINATED


def _run(
    service: str,
    settings: Settings,
    environ: Mapping[str, str],
    open_source: Callable[[str, Settings, Path], Source] | None,
) -> int:
    metrics = Metrics(service)
    code = 0
    try:
        _serve(service, settings, environ, open_source)
    except Terminated:
        log.warning("terminated")
        code = EXIT_TERMINATED
    except PipelineError as error:
        log.error("failed", exc_info=error)
        _say(f"{service}: {error}")
        code = EXIT_FAILED
    except Exception as error:
        # The boundary of the program: nothing may end it without a line.
        log.error("failed unexpectedly", exc_info=error)
        _say(f"{service}: unexpected {type(error).__name__}: {error}; the log has the traceback")
        code = EXIT_FAILED
    if code == EXIT_FAILED:
        metrics.count_error()
    try:
        metrics.write(settings.data_dir)
    except OSError as error:
        log.error("metrics not written", exc_info=error)
        if code == 0:
            _say(f"{service}: metrics: {error}, check EM_DATA_DIR")
            code = EXIT_FAILED
    return code


def _serve(
    service: str,
    settings: Settings,
    environ: Mapping[str, str],
    open_source: Callable[[str, Settings, Path], Source] | None,
) -> None:
    from pipeline.sink import open_sink

    sink = open_sink(settings, environ)
    if service == "consolidate":
        from pipeline.records.consolidate import consolidate

        consolidate(settings, sink)
        return
    from pipeline import sources
    from pipeline.loader import load

    load(service, settings, sink, open_source or sources.open_source)


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM raises Terminated in the main thread, once: the clean-up after the first is not disturbed by a second."""

    def terminate(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(message: str) -> None:
    with suppress(BrokenPipeError):
        print(" ".join(message.split()), file=sys.stderr, flush=True)
