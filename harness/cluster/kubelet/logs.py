"""Where containers' output is kept: `<state>/logs/<namespace>_<pod>_<uid>/<container>/<run>.log`, also after the pod is gone."""

from __future__ import annotations

from pathlib import Path

from harness.kube.objects import Object, name_of, namespace_of, uid_of

_WORDS_BYTES, _WORDS_LINES = 2048, 80


class Logs:
    """Hands out log files and finds them again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs: dict[tuple[str, str, str], list[Path]] = {}

    def begin(self, pod: Object, container: str) -> Path:
        """The place of the log of a container's next run; whoever writes to it prepares it."""
        namespace, name = namespace_of(pod) or "", name_of(pod)
        folder = f"{self._directory}/{namespace}_{name}_{uid_of(pod)}/{container}"
        runs = self._runs.setdefault((namespace, name, container), [])
        mine = [run for run in runs if str(run.parent) == folder]
        path = Path(f"{folder}/{len(mine)}.log")
        runs[:] = [*mine, path]
        return path

    def find(self, namespace: str, pod: str, container: str, *, previous: bool) -> Path | None:
        """The log of the latest run, or of the one before; None when there was none."""
        runs = self._runs.get((namespace, pod, container), [])
        position = 2 if previous else 1
        if len(runs) < position:
            return None
        prepare(runs[-position])
        return runs[-position]


def last_words(log: Path) -> str:
    """What terminationMessagePolicy FallbackToLogsOnError takes from a log: at most its last 80 lines and 2048 bytes."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _WORDS_BYTES))
        lines = file.read().splitlines(keepends=True)
    return b"".join(lines[-_WORDS_LINES:]).decode(errors="replace")


def prepare(log: Path) -> None:
    """Make sure that a log exists. A container without output, as modelled ones are, has none until somebody asks."""
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
