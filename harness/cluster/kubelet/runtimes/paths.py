"""Container paths in settings and arguments become paths of this machine.

A path counts only at a boundary: at the beginning, after a space, quote, `=`, `:`, `,`, `;` or `file://`, and up to
the end or a `/` or another boundary; so `s3://bucket/app/data` stays what it is. The longest mount that covers a path
is the one that counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_BEFORE = r"(?:(?<=file://)|(?<![^\s=:,;'\"]))"
_AFTER = r"(?=$|[/\s:,;'\"])"
_ANY_PATH = re.compile(_BEFORE + r"/[\w.@+-]+(?:/[\w.@+-]+)*/?(?=$|[\s:,;'\"])")
_HARMLESS = frozenset(
    {"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/zero", "/dev/urandom", "/dev/random"}
)


class Rewriter:
    """Rewrites the mount paths of one container."""

    def __init__(self, mounts: Mapping[str, Path]) -> None:
        self._mounts = {path.rstrip("/"): str(target) for path, target in mounts.items() if path.rstrip("/")}
        longest_first = sorted(self._mounts, key=lambda path: (-len(path), path))
        self._pattern = re.compile(_BEFORE + "(" + "|".join(map(re.escape, longest_first)) + ")" + _AFTER)

    def rewrite(self, text: str) -> str:
        """`text` with every mount path replaced."""
        if not self._mounts:
            return text
        return self._pattern.sub(lambda match: self._mounts[match.group(1)], text)

    def remaining(self, text: str) -> list[str]:
        """The absolute paths in `text` that no mount covers: inside the container they would be its image's or nothing."""
        found = [match.group(0) for match in _ANY_PATH.finditer(text)]
        return [path for path in found if path not in _HARMLESS and not self._covers(path)]

    def _covers(self, path: str) -> bool:
        return any(path == mount or path.startswith(mount + "/") for mount in self._mounts)
