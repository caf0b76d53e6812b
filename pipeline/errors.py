"""Errors of the pipeline, as one tree. The leaf says what a caller can do about it.

PipelineError                 one clear line for the person who runs the service
  SettingsError               a setting is missing, malformed or impossible; nothing was started
  SourceError                 a public archive
    TransientError            the archive kept failing after every retry; run again later
    AccessDenied              the archive refuses this reader
    NotFound                  the archive does not have what the settings name
    WrongLength               it answered more or fewer bytes than it announced
    UnsupportedFile           it has the file, and this pipeline cannot read that kind
  SinkError                   the store that data sets go to
    SinkUnavailable           it kept failing after every retry
    SinkDenied                it refuses these credentials
    SinkNotFound              there is no such object
    SinkConflict              a key is taken by other bytes
  VolumeError                 a volume that cannot be planned or a stored shard that cannot be read
  RecordError                 a record that does not follow its schema
  ConsolidationError          records and store disagree
Terminated                    SIGTERM: not an error, and never caught as one (BaseException)
"""


class PipelineError(Exception):
    """One sentence with the object, what was found, what was wanted, and the remedy when there is one."""

    attempts: int = 1


class SettingsError(PipelineError):
    pass


class SourceError(PipelineError):
    pass


class TransientError(SourceError):
    pass


class AccessDenied(SourceError):
    pass


class NotFound(SourceError):
    pass


class WrongLength(SourceError):
    pass


class UnsupportedFile(SourceError):
    pass


class SinkError(PipelineError):
    pass


class SinkUnavailable(SinkError):
    pass


class SinkDenied(SinkError):
    pass


class SinkNotFound(SinkError):
    pass


class SinkConflict(SinkError):
    pass


class VolumeError(PipelineError):
    pass


class RecordError(PipelineError):
    pass


class ConsolidationError(PipelineError):
    pass


class Terminated(BaseException):
    """Raised in the main thread by the SIGTERM handler."""
