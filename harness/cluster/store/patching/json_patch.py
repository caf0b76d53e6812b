"""JSON patch, RFC 6902, with the errors of the library that apiserver uses (evanphx/json-patch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.kube.errors import ApiError, BadRequest
from harness.kube.objects import thaw

_TEXT = "the server rejected our request due to an error in our request"


class PatchFailed(ApiError):
    """A JSON patch whose operation cannot be done on this object."""

    code, reason = 422, "Invalid"

    def status(self) -> dict[str, Any]:
        """With details, which are empty."""
        return {**super().status(), "details": self.details}


def json_patch(target: Any, patch: Any) -> Any:
    """`target` after the operations of `patch`, one after the other."""
    if not isinstance(patch, Sequence) or isinstance(patch, str | bytes):
        raise BadRequest("error decoding patch: a JSON patch has to be a list of operations")
    document = thaw(target)
    for operation in patch:
        if not isinstance(operation, Mapping) or "path" not in operation:
            raise BadRequest("error decoding patch: an operation has to be an object with op and path")
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: Mapping[str, Any]) -> Any:
    verb, path = operation.get("op"), _pointer(str(operation["path"]))
    if verb == "test":
        if _get(document, path) != operation.get("value"):
            raise PatchFailed(_TEXT, details={})
        return document
    if verb == "remove":
        return _remove(document, path)
    if verb == "add":
        return _add(document, path, thaw(operation.get("value")))
    if verb == "replace":
        return _replace(document, path, thaw(operation.get("value")))
    if verb in {"move", "copy"}:
        source = _pointer(str(operation.get("from", "")))
        if verb == "copy" and source and isinstance(_get(document, source[:-1]), dict):
            value = _get(document, source[:-1]).get(source[-1])  # what is not there is copied as null
            return _add(document, path, thaw(value))
        value = thaw(_get(document, source))
        return _add(_remove(document, source) if verb == "move" else document, path, value)
    raise BadRequest(f"error decoding patch: unexpected kind: {verb}; write add, remove, replace, move, copy or test")


def _pointer(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise BadRequest(f"error decoding patch: path {path!r} is no JSON pointer, begin it with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[_position(document, part, 0)]
    return document


def _position(container: Any, part: str, room: int) -> Any:
    """The key or position that `part` names in `container`; `room` is 1 when one past the end is meant, too."""
    if isinstance(container, dict):
        if part in container or room:
            return part
    elif isinstance(container, list):
        if part == "-" and room:
            return len(container)
        if part.isdigit() and int(part) < len(container) + room:
            return int(part)
    raise PatchFailed(_TEXT, details={})


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    container = _get(document, path[:-1])
    position = _position(container, path[-1], 1)
    if isinstance(container, list):
        container.insert(position, value)
    else:
        container[position] = value
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    """Like the library: a field that is not there is set, an item has to be there."""
    if not path:
        return value
    container = _get(document, path[:-1])
    container[_position(container, path[-1], 1 if isinstance(container, dict) else 0)] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    container = _get(document, path[:-1])
    del container[_position(container, path[-1], 0)]
    return document
