"""Where containers' output is kept: `<state>/logs/<namespace>_<pod>_<uid>/<container>/<run>.log`, also after the pod is gone."""

from __future__ import annotations

from pathlib import Path

from harness.kube.objects import Object, name_of, namespace_of, uid_of


class Logs:
    """Hands out log files and finds them again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs: dict[tuple[str, str, str], list[Path]] = {}

    def begin(self, pod: Object, container: str) -> Path:
        """A fresh log for the next run of a container."""
        namespace, name = namespace_of(pod) or "", name_of(pod)
        folder = self._directory / f"{namespace}_{name}_{uid_of(pod)}" / container
        folder.mkdir(parents=True, exist_ok=True)
        runs = self._runs.setdefault((namespace, name, container), [])
        mine = [run for run in runs if run.parent == folder]
        path = folder / f"{len(mine)}.log"
        path.touch()
        runs[:] = [*mine, path]
        return path

    def find(self, namespace: str, pod: str, container: str, *, previous: bool) -> Path | None:
        """The log of the latest run, or of the one before; None when there was none."""
        runs = self._runs.get((namespace, pod, container), [])
        position = 2 if previous else 1
        return runs[-position] if len(runs) >= position else None
