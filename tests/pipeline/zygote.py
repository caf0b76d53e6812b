"""A process that imports everything once and runs the program in forked children, as a rehearsal does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pipeline.loader
import pipeline.records.consolidate
import pipeline.sink.s3
from pipeline.cli import main
from pipeline.settings import Settings
from pipeline.sources.base import Source
from tests.pipeline.synthetic import SyntheticSource, one_level


def open_source(_service: str, settings: Settings, _scratch: Path) -> Source:
    return SyntheticSource(one_level((65, 70, 200)), source_id=settings.source_id("epfl"))


if __name__ == "__main__":
    pipeline.sink.s3.preload()
    print("threads", len(os.listdir("/proc/self/task")), flush=True)
    for number, workers in enumerate(("1", "3", "1")):
        child = os.fork()
        if child == 0:
            flags = ["--sink-url", f"{sys.argv[1]}/{number}", "--data-dir", f"{sys.argv[1]}/data{number}"]
            code = main(["epfl", *flags, "--max-workers", workers], {}, open_source)
            sys.stdout.flush()
            os._exit(code)
        print("exit", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
