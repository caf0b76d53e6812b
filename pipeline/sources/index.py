"""What a source learnt by reading its files, kept on the shared directory so that a restart need not read them to learn it again.

`<data_dir>/index/<source>/<source_id>.json` holds the layout of the files (type, shape, places of pages) beside the listing it belongs to: names,
sizes and validators, which the archive tells without moving a file. An index of another listing, one that is damaged, or one of another form is
as good as none. It saves requests and decides nothing: a source compares it with the bytes that it reads, and forgets it when they disagree.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline.atomic import write_json

log = logging.getLogger(__name__)
T = TypeVar("T")

FORM: Final = 1


class SourceIndex:
    def __init__(self, data_dir: Path, source: str, source_id: str) -> None:
        self._path = data_dir / "index" / source / f"{source_id}.json"

    def load(self, listing: Any, decode: Callable[[Any], T]) -> T | None:
        """What `decode` makes of the layout that was kept for this listing; None when there is none to rely on."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            if document["sha256"] != _digest(document):
                raise ValueError("its checksum is wrong")
            if document["form"] != FORM or document["listing"] != listing:
                log.info("index of something else, made anew", extra={"place": str(self._path)})
                return None
            return decode(document["layout"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("index not usable, made anew", extra={"place": str(self._path), "reason": repr(error)})
            return None

    def save(self, listing: Any, layout: Any) -> None:
        """Keep a layout. Without it the next run only reads more, so a full disk is not the end of this one."""
        document = {"form": FORM, "listing": listing, "layout": layout}
        try:
            write_json(self._path, {**document, "sha256": _digest(document)})
        except OSError as error:
            log.warning("index not kept", extra={"place": str(self._path), "reason": str(error)})

    def forget(self, reason: str) -> None:
        """The source disagrees with what was kept."""
        log.warning(
            "index does not agree with the source, forgotten", extra={"place": str(self._path), "reason": reason}
        )
        self._path.unlink(missing_ok=True)


def _digest(document: dict[str, Any]) -> str:
    rest = {key: value for key, value in document.items() if key != "sha256"}
    return sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
