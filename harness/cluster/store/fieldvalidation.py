"""`fieldValidation`: what becomes of fields that a type does not have and of keys that are there twice (apiserver `endpoints/handlers`, 1.34).

Strict refuses them, Warn (what a client gets that asks for nothing) tells them in Warning headers, Ignore says nothing. They vanish in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

from harness.kube.errors import ApiError, BadRequest
from harness.kube.resources import Resource

Mode = Literal["Ignore", "Warn", "Strict"]
MODES: tuple[Mode, ...] = ("Ignore", "Strict", "Warn")
_PARTS = re.compile(r"\[(\d+)\]|[^.\[\]]+")


class FieldCheck:
    """What was found in one request. `lines` are keys that a YAML body has twice, `texts` all else, in upstream's words; each is told once."""

    __slots__ = ("lines", "mode", "ordered", "shown_patch", "texts")

    def __init__(self, mode: Mode = "Warn") -> None:
        self.mode = mode
        self.lines: list[str] = []
        self.texts: dict[str, None] = {}
        self.ordered = False  # by key, as in a body of YAML
        self.shown_patch: Callable[[Any], str] | None = None  # how a refusal shows a patch, given what it made

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a client is told that asks for no more than that."""
        return (*self.lines, *self.texts) if self.mode == "Warn" else ()

    def note(self, texts: Iterable[str]) -> None:
        """Something was found."""
        self.texts.update(dict.fromkeys(texts))

    def refusal(self) -> str:
        """Why a strict server refuses the request; empty if it has no reason."""
        lines = ["yaml: unmarshal errors:\n" + "\n".join(f"  {line}" for line in self.lines)] if self.lines else []
        found = [*lines, *self.texts]
        return f"strict decoding error: {', '.join(found)}" if found else ""


Strictness = bool | FieldCheck
"""How strict a write is: not at all, as Strict, or as a request asked for it."""


def report_unknown(resource: Resource, unknown: Iterable[str], strict: Strictness, *, ordered: bool = False) -> None:
    """Say that these fields are unknown. Raises BadRequest for a strict write."""
    if not strict:
        return
    check = note_unknown(unknown, strict, ordered=ordered)
    why = check.refusal() if check.mode == "Strict" else ""
    if why:
        raise cannot_be_handled(resource, why)


def note_unknown(unknown: Iterable[str], strict: Strictness, *, ordered: bool = False) -> FieldCheck:
    """Keep in mind that these fields are unknown, until all of the object has been looked at."""
    check = strict if isinstance(strict, FieldCheck) else FieldCheck("Strict")
    paths = sorted(unknown, key=_by_keys) if ordered or check.ordered else unknown
    check.note(f'unknown field "{path}"' for path in paths)
    return check


def refuse_patched(patched: Any, check: FieldCheck) -> None:
    """Raises the refusal of a patch that makes an object with unknown fields, or has keys twice."""
    why = check.refusal() if check.mode == "Strict" else ""
    if why:
        raise unpatchable(patched, check, why)


def unpatchable(patched: Any, check: FieldCheck, why: str) -> ApiError:
    """The refusal of a patch that makes an object which cannot be read, or is not read as strictly as was asked."""
    shown = check.shown_patch(patched) if check.shown_patch is not None else ""
    message = f"Invalid value: {shown}: {why}"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "patch"}
    return _Unpatchable(f' "" is invalid: patch: {message}', details={"causes": [cause]})


def cannot_be_handled(resource: Resource, why: str) -> BadRequest:
    """The refusal of an object that cannot be read."""
    kind = resource.kind
    return BadRequest(f'{kind} in version "{resource.version}" cannot be handled as a {kind}: {why}')


class _Unpatchable(ApiError):
    """Upstream calls the patch invalid, and names no object."""

    code, reason = 422, "Invalid"


def _by_keys(path: str) -> list[tuple[int, int, str]]:
    """Keys by their letters, items by their numbers."""
    return [(0, int(part[1]), "") if part[1] else (1, 0, part[0]) for part in _PARTS.finditer(path)]
