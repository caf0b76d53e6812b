"""What can go wrong between this process and an archive; the leaves refine the tree of `pipeline.errors`.

TransferError                 place, reason, remedy
  TransientTransferError      worth another try: `RetryPolicy` repeats these types and no others
    ConnectionLost            no connection, a reset, a timeout, an end in the middle
    ServerBusy                HTTP 408, 425, 429, 5xx; FTP 4xx; S3 SlowDown. May name its own wait
    WrongLength               more or fewer bytes than asked for or announced
    BrokenData                as many bytes as announced that cannot be decoded: cut or garbled on the way
  AccessDenied, NotFound, RequestRefused
  RangeRefused                the server cannot serve a part of a file
  SourceChanged               the file is no longer the one that was described
  ScratchFailed               a temporary file cannot be made or written
  UnexpectedAnswer            an answer that does not follow the protocol or the format
"""

from __future__ import annotations

from pipeline import errors


class TransferError(errors.SourceError):
    def __init__(self, place: str, reason: str, remedy: str = "") -> None:
        super().__init__(place, reason, remedy)
        self.place = place
        self.reason = reason
        self.remedy = remedy
        self.attempts = 1

    def __str__(self) -> str:
        tried = f" ({self.attempts} attempts)" if self.attempts > 1 else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.place}: {self.reason}{tried}{remedy}"


class TransientTransferError(TransferError):
    retry_after_s: float | None = None


class ConnectionLost(TransientTransferError, errors.TransientError):
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason, "check the network and run again")


class ServerBusy(TransientTransferError, errors.TransientError):
    def __init__(self, place: str, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(place, reason, "run again later, or raise EM_RETRY_ATTEMPTS")
        self.retry_after_s = retry_after_s


class WrongLength(TransientTransferError, errors.WrongLength):
    def __init__(self, place: str, found_bytes: int, wanted_bytes: int) -> None:
        super().__init__(place, f"{found_bytes} bytes where {wanted_bytes} were expected", "run again later")


class BrokenData(TransientTransferError, errors.TransientError):
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason, "check that this is the right address, or run again later")


class AccessDenied(TransferError, errors.AccessDenied):
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            place, reason, "this data is read anonymously: check that it is public and that the name is right"
        )


class NotFound(TransferError, errors.NotFound):
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason, "check the settings that name this source")


class RequestRefused(TransferError):
    pass


class RangeRefused(TransferError):
    def __init__(self, place: str, start: int, skip_bytes_max: int) -> None:
        super().__init__(
            place,
            f"the server ignores byte ranges, and reading from byte {start} would drop more than {skip_bytes_max} bytes",
            "use a mirror that supports ranges",
        )


class SourceChanged(TransferError):
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason, "run again: the new version is a new data set")


class ScratchFailed(TransferError):
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, f"its temporary file cannot be written: {reason}", "give TMPDIR a directory with room")


class UnexpectedAnswer(TransferError):
    pass
