"""What sessions leave on the machine: removed when one closes, and, for those that were killed, by `harness down --all`.

Everything a session makes begins with its name. Its volume of images comes first and says who may judge whether its process lives; its directory goes last.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.targets.base import TargetUnavailable
from harness.targets.kind.engine import Engine, EngineError
from harness.targets.kind.names import OWNER_LABEL, files_volume, is_owned, is_session, owners_space, sessions_root

FILES_BYTES = 64 << 20
"""The room of the worlds' file systems: records and a catalogue take some hundred kilobytes, and a full one is soon filled."""
_NODE_IMAGE = "node-image"


def new_session_directory(engine: Engine, project_root: Path, name: str, node_image: str) -> Path:
    """Begin a session: its directory, and its volume. From here on `remove_session` finds what there is."""
    directory = sessions_root(project_root) / name
    directory.mkdir(parents=True)
    (directory / _NODE_IMAGE).write_text(node_image)
    engine.create_volume(name, {OWNER_LABEL: owners_space()})
    engine.create_small_volume(files_volume(name), FILES_BYTES)
    return directory


def remove_session(engine: Engine, name: str, directory: Path) -> None:
    """Everything of one session; harmless when nothing is left. Raises EngineError."""
    engine.remove(engine.containers(f"{name}-"))
    engine.forget("network", name)
    engine.forget("volume", files_volume(name))
    engine.forget("volume", name)
    _remove_directory(engine, directory)


def clear_leftovers(project_root: Path, engine: Engine | None = None) -> int:
    """Remove what killed sessions left, of this checkout and, where their owner can be judged, of others; how many sessions those were.

    A machine without an engine has nothing of the kind. Raises TargetUnavailable when there are traces of a session and no engine to ask.
    """
    engine = engine or Engine()
    root = sessions_root(project_root)
    own = {path.name for path in root.iterdir() if path.is_dir()} if root.is_dir() else set()
    try:
        engine.require()
    except TargetUnavailable:
        if own:
            raise
        return 0
    spaces = engine.volumes(OWNER_LABEL)
    left = sorted(
        name
        for name in own | set(spaces)
        if is_session(name) and not is_owned(name) and spaces.get(name, owners_space()) == owners_space()
    )
    for name in left:
        try:
            remove_session(engine, name, root / name)
        except EngineError as error:
            raise TargetUnavailable(f"what session {name} left cannot be removed: {error}") from error
    return len(left)


def _remove_directory(engine: Engine, directory: Path) -> None:
    """It may hold files of other users, written in containers: then a container removes them."""
    if not directory.exists():
        return
    try:
        shutil.rmtree(directory)
    except PermissionError:
        image = (directory / _NODE_IMAGE).read_text()
        emptying = ["/gone", "-mindepth", "1", "-delete"]
        engine.call(
            "run", "--rm", "--network=none", f"--volume={directory}:/gone", "--entrypoint=find", image, *emptying
        )
        shutil.rmtree(directory)
