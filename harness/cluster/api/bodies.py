"""Request bodies: from bytes to objects, patches and options, with the texts of the API server where they cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from harness.cluster.api import duplicates, gotext
from harness.cluster.store import Served
from harness.cluster.store.fieldvalidation import FieldCheck
from harness.cluster.store.types import Malformed, Message, decode_body, find_message
from harness.kube.client import PatchType, Propagation
from harness.kube.errors import ApiError, BadRequest, Cause, Invalid, UnsupportedMediaType
from harness.kube.resources import Resource

_PATCHES: Mapping[str, PatchType] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_APPLY = "application/apply-patch+yaml"
_YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})
_JSON = frozenset({"", "application/json", "application/octet-stream"})
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_OPERATION = frozenset({"op", "from", "path", "value"})
_PROPAGATIONS = frozenset({"Background", "Foreground", "Orphan"})
_DELETE_OPTIONS = Resource("meta.k8s.io", "v1", "deleteoptions", "DeleteOptions", namespaced=False)


def media_type(header: str) -> str:
    """A content type without its parameters."""
    return header.partition(";")[0].strip().lower()


def decode(
    body: bytes, content_type: str, kind: str, message: Message | None, check: FieldCheck | None = None
) -> dict[str, Any]:
    """The object in a body of JSON or YAML or, for the built-in type `message`, protobuf. `null` is an empty one.

    Keys that are there twice are noted in `check`.
    """
    media = media_type(content_type)
    try:
        obj = _decoded(body, media, message)
    except _Unreadable as error:
        text = f"the object provided is unrecognized (must be of type {kind}): {error} ({gotext.summary(body)})"
        raise BadRequest(text) from error
    if check is not None and check.mode != "Ignore":
        if media in _YAML:
            check.ordered = True
            check.lines += _repeated(body)
        elif media in _JSON and duplicates.may_repeat(body, obj):
            check.note(duplicates.in_json(body, message))
    return obj


class _Unreadable(ValueError):
    """Why a body is no object, in upstream's words."""


def _decoded(body: bytes, media: str, message: Message | None) -> dict[str, Any]:
    if media == _PROTOBUF and message is not None:
        try:
            return decode_body(body, message)
        except (Malformed, UnicodeDecodeError) as error:
            raise _Unreadable(error) from error
    if media in _YAML:
        return _as_object(_load_yaml(body))
    if media not in _JSON:
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, "
            + _PROTOBUF
        )
    try:
        return _as_object(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise _Unreadable(f"couldn't get version/kind; json parse error: {gotext.json_error(body)}") from error


def is_apply(content_type: str) -> bool:
    """Whether a patch is a server-side apply."""
    return media_type(content_type) == _APPLY


def decode_patch(
    body: bytes, content_type: str, served: Served, check: FieldCheck | None = None
) -> tuple[Any, PatchType]:
    """The patch in a body, and its type. Keys that are there twice are noted in `check`."""
    media = media_type(content_type)
    if media not in _PATCHES:
        raise UnsupportedMediaType("415: Unsupported Media Type", details={})
    if served.custom and media == "application/strategic-merge-patch+json":
        offered = [*(name for name, kind in _PATCHES.items() if kind != "strategic"), _APPLY]
        raise UnsupportedMediaType(
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(offered)
        )
    try:
        patch = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"error decoding patch: {gotext.json_error(body)}") from error
    kind = _PATCHES[media]
    if kind == "json" and not isinstance(patch, list):
        what = gotext.kind_of(patch)
        raise BadRequest(
            f"error decoding patch: json: cannot unmarshal {what} into Go value of type []handlers.jsonPatchOp"
        )
    if check is not None and check.mode != "Ignore":
        if duplicates.may_repeat(body, patch):
            check.note(duplicates.in_json(body, None, json_patch=kind == "json"))
        if kind == "json":
            check.note(_unknown_of_operations(patch))
        check.shown_patch = (lambda _: gotext.quoted(gotext.value(patch))) if kind == "strategic" else _as_json
    return patch, kind


def _as_json(patched: Any) -> str:
    return gotext.quoted(orjson.dumps(patched, option=orjson.OPT_SORT_KEYS).decode())


def _unknown_of_operations(operations: list[Any]) -> list[str]:
    """Members of a JSON patch's operations that there are not."""
    return [
        f'json patch unknown field "[{position}].{key}"'
        for position, operation in enumerate(operations)
        if isinstance(operation, dict)
        for key in operation
        if key not in _OPERATION
    ]


def decode_config(body: bytes, check: FieldCheck) -> Any:
    """The configuration in the body of an apply: YAML, and so JSON. Raises BadRequest; for a strict request also for keys that are there twice."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    else:
        if check.mode == "Ignore" or not duplicates.may_repeat(body, value):
            return value
    try:
        value = _load_yaml(body)
    except _Unreadable as error:
        raise BadRequest(f"error decoding YAML: error converting YAML to JSON: {error}") from error
    if check.mode != "Ignore":
        check.lines += _repeated(body)
    if check.lines and check.mode == "Strict":
        lines = "\n".join(f"  {line}" for line in check.lines)
        text = f"error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n{lines}"
        raise BadRequest(text)
    return {} if value is None else value


@dataclass(frozen=True)
class DeleteOptions:
    """metav1.DeleteOptions, from the body and the query."""

    grace_period_s: int | None = None
    propagation: Propagation | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


def delete_options(body: bytes, content_type: str, query: Mapping[str, str]) -> DeleteOptions:
    """How to delete; the body wins over the query."""
    options = _delete_body(body, content_type) if body.strip() else {}
    grace = options.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    propagation = options.get("propagationPolicy") or query.get("propagationPolicy")
    orphan = options.get("orphanDependents", query.get("orphanDependents"))
    if orphan is not None and propagation is None:
        propagation = "Orphan" if orphan in {True, "true"} else "Background"
    if propagation is not None and propagation not in _PROPAGATIONS:
        text = f'Unsupported value: "{propagation}": supported values: "Foreground", "Background", "Orphan", "nil"'
        raise Invalid.of(_DELETE_OPTIONS, "", [Cause("propagationPolicy", "FieldValueNotSupported", text)])
    preconditions = options.get("preconditions") or {}
    return DeleteOptions(
        grace_period_s=None if grace is None else _integer(grace),
        propagation=cast("Propagation | None", propagation),
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        dry_run=is_dry_run(options.get("dryRun") or query.get("dryRun")),
    )


def _delete_body(body: bytes, content_type: str) -> dict[str, Any]:
    try:
        return _decoded(body, media_type(content_type), find_message("meta.DeleteOptions"))
    except _Unreadable as error:
        raise _NoOptions(str(error)) from error


class _NoOptions(ApiError):
    """DeleteOptions that cannot be read: upstream answers 500, without a reason."""

    code, reason = 500, ""


def is_dry_run(value: Any) -> bool:
    """Whether nothing shall be stored; raises BadRequest for anything but All."""
    values = value if isinstance(value, list) else [value] if value else []
    if any(entry != "All" for entry in values):
        raise BadRequest(f'invalid dryRun: Unsupported value: {values}: supported values: "All"')
    return bool(values)


def _integer(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise BadRequest(f'strconv.ParseInt: parsing "{value}": invalid syntax') from error


def _load_yaml(body: bytes) -> Any:
    from harness.cluster.api import yamltext  # its parser takes its time to load, and few clients send YAML

    try:
        return yamltext.load(body)
    except yamltext.Unreadable as error:
        raise _Unreadable(str(error)) from error


def _repeated(body: bytes) -> list[str]:
    from harness.cluster.api import yamltext  # as above

    return yamltext.repeated(body)


def _as_object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Unreadable(f"couldn't get version/kind; json parse error: {gotext.unmarshal_error(value)}")
    return value
