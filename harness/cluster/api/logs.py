"""pods/log: the file that a container's runtime writes, from its end or from its beginning, and as it grows.

The moments of `sinceSeconds`, `sinceTime` and `timestamps` are those of the marks that whoever runs a container makes beside its log
(`harness.kube.logmarks`). A line that no mark covers yet counts as written now; of a log without any mark everything counts as written when it is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.clock import SECOND, format_micro_time, parse_time
from harness.cluster.api.routes import is_true
from harness.kube.errors import BadRequest
from harness.kube.logmarks import read_marks
from harness.kube.objects import Object, name_of

LogPath = Callable[[str, str, str, bool], Path | None]
"""(namespace, pod, container, previous) -> the file, None when there was no such run."""
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class LogOptions:
    """v1.PodLogOptions, as far as they have an effect."""

    container: str
    follow: bool
    previous: bool
    tail_lines: int | None
    limit_bytes: int | None
    since_us: int | None = None
    timestamps: bool = False


def parse_log_options(pod: Object, query: Mapping[str, str], now_us: int = 0) -> LogOptions:
    """Read the options, and choose the container. Raises BadRequest with upstream's text."""
    return LogOptions(
        container=_container(pod, query.get("container", "")),
        follow=is_true(query, "follow"),
        previous=is_true(query, "previous"),
        tail_lines=_number(query, "tailLines"),
        limit_bytes=_number(query, "limitBytes"),
        since_us=_since(query, now_us),
        timestamps=is_true(query, "timestamps"),
    )


def require_log(pod: Object, options: LogOptions) -> None:
    """Raises BadRequest while there can be no log yet (or, of a previous container, ever)."""
    status = container_status(pod, options.container)
    name = name_of(pod)
    if options.previous:
        if status is None or not status.get("restartCount"):
            raise BadRequest(f'previous terminated container "{options.container}" in pod "{name}" not found')
        return
    waiting = ((status or {}).get("state") or {}).get("waiting")
    started = (status or {}).get("restartCount") or ((status or {}).get("lastState") or {}).get("terminated")
    if status is None or (waiting is not None and not started):
        reason = (waiting or {}).get("reason") or "ContainerCreating"
        if not (pod.get("spec") or {}).get("nodeName"):
            raise BadRequest(f'pod "{name}" does not have a host assigned')
        raise BadRequest(f'container "{options.container}" in pod "{name}" is waiting to start: {reason}')


def container_status(pod: Object, container: str) -> Mapping[str, Any] | None:
    """The status of one container."""
    status = pod.get("status") or {}
    for part in ("initContainerStatuses", "containerStatuses"):
        for entry in status.get(part) or ():
            if entry.get("name") == container:
                found: Mapping[str, Any] = entry
                return found
    return None


def has_ended(pod: Object | None, container: str, restarts: int) -> bool:
    """Whether the run of the container that is being followed is over."""
    if pod is None or (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return True
    status = container_status(pod, container)
    if status is None:
        return False
    return int(status.get("restartCount", 0)) > restarts or "terminated" in (status.get("state") or {})


class Tail:
    """Reads a log file piece by piece; a file that is not there (yet) is empty. `now` is the cluster's time in microseconds."""

    def __init__(self, path: Path, options: LogOptions, now: Callable[[], int] = lambda: 0) -> None:
        self._path = path
        self._now = now
        self._left = options.limit_bytes
        self._stamped = options.timestamps
        self._offset = 0 if options.tail_lines is None else _tail_offset(path, options.tail_lines)
        if options.since_us is not None:
            self._offset = max(self._offset, read_marks(path).size_before(options.since_us))

    def read(self, *, final: bool = True) -> bytes:
        """What was written since the last call; with timestamps only whole lines, unless nothing more will come (`final`)."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read() if self._left is None or self._stamped else file.read(self._left)
        except FileNotFoundError:
            return b""
        if self._stamped:
            data = data if final else data[: data.rfind(b"\n") + 1]
            shown = self._with_stamps(data)
        else:
            shown = data
        self._offset += len(data)
        if self._left is not None:
            shown = shown[: self._left]
            self._left -= len(shown)
        return shown

    def _with_stamps(self, data: bytes) -> bytes:
        marks, end, lines = read_marks(self._path), self._offset, []
        for line in data.splitlines(keepends=True):
            end += len(line)
            moment = marks.written_us(end)
            stamp = format_micro_time(self._now() if moment is None else moment).removesuffix("Z") + "000Z"
            lines.append(stamp.encode() + b" " + line)
        return b"".join(lines)


def _tail_offset(path: Path, lines: int) -> int:
    """Where the last `lines` lines begin."""
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            found = b""
            while position > 0 and found[:-1].count(b"\n") < lines:
                step = min(_CHUNK_BYTES, position)
                position -= step
                file.seek(position)
                found = file.read(step) + found
    except FileNotFoundError:
        return 0
    kept = found.splitlines(keepends=True)[-lines:] if lines else []
    return position + len(found) - sum(map(len, kept))


def _container(pod: Object, wanted: str) -> str:
    spec = pod.get("spec") or {}
    names = [str(entry["name"]) for entry in spec.get("containers") or ()]
    inits = [str(entry["name"]) for entry in spec.get("initContainers") or ()]
    if wanted:
        if wanted not in (*names, *inits):
            raise BadRequest(f"container {wanted} is not valid for pod {name_of(pod)}")
        return wanted
    annotated = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    if annotated in names:
        return str(annotated)
    if len(names) == 1:
        return names[0]
    choices = f"choose one of: [{' '.join(names)}]"
    more = f" or one of the init containers: [{' '.join(inits)}]" if inits else ""
    raise BadRequest(f"a container name must be specified for pod {name_of(pod)}, {choices}{more}")


def _since(query: Mapping[str, str], now_us: int) -> int | None:
    """From when on lines are wanted."""
    seconds, moment = _number(query, "sinceSeconds"), query.get("sinceTime", "")
    if seconds is not None and moment:
        raise BadRequest("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if seconds is not None:
        return now_us - seconds * SECOND
    if not moment:
        return None
    try:
        return parse_time(moment)
    except ValueError as error:
        raise BadRequest(f"sinceTime has to be a moment like 2026-03-01T08:00:00Z, got {moment!r}") from error


def _number(query: Mapping[str, str], key: str) -> int | None:
    text = query.get(key)
    if text is None:
        return None
    if not text.isdigit():
        raise BadRequest(f"{key} has to be a whole number, got {text!r}")
    return int(text)
