"""What a run says of itself: JSON lines on standard output, and three metrics as a Prometheus text file.

A log line is one JSON object with time, level, service, logger, message and whatever the caller gave as `extra`. The metrics
are of this run only; they are written when it ends, atomically, for a text-file collector.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pipeline.atomic import write_text

_USUAL: Final = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}
_BUCKETS_S: Final = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400)


class JsonLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((key, value) for key, value in record.__dict__.items() if key not in _USUAL)
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(line, default=str)


def start_logging(service: str) -> None:
    """Send what the pipeline logs, and warnings of libraries, to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    for name in ("pipeline", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


class Metrics:
    """The three metrics of a run."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._started_s = time.monotonic()
        self._registry = CollectorRegistry()
        self._duration = Histogram(
            "pipeline_duration_seconds",
            "Total pipeline execution time",
            ["service"],
            registry=self._registry,
            buckets=_BUCKETS_S,
        )
        self._errors = Counter(
            "dataset_processing_errors", "Number of dataset processing failures", ["service"], registry=self._registry
        )
        self._memory = Gauge(
            "memory_usage_peak_bytes", "Peak memory usage per service", ["service"], registry=self._registry
        )
        self._errors.labels(service)

    def count_error(self) -> None:
        self._errors.labels(self._service).inc()

    def write(self, data_dir: Path) -> None:
        self._duration.labels(self._service).observe(time.monotonic() - self._started_s)
        self._memory.labels(self._service).set(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        write_text(data_dir / "metrics" / f"{self._service}.prom", generate_latest(self._registry).decode())
