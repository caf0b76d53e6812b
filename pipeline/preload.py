"""Imports what every service needs, ahead of time: for a parent process that forks runs. Starts no thread and reads no setting."""

import tensorstore  # noqa: F401

import pipeline.cli
import pipeline.sources  # noqa: F401
from pipeline.sink import s3

s3.preload()
