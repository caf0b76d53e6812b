"""Request bodies: from bytes to objects, patches and options, with the texts of the API server where they cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
import yaml

from harness.cluster.api import gotext
from harness.cluster.store import Served
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
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})
_JSON = frozenset({"", "application/json", "application/octet-stream"})
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_PROPAGATIONS = frozenset({"Background", "Foreground", "Orphan"})
_DELETE_OPTIONS = Resource("meta.k8s.io", "v1", "deleteoptions", "DeleteOptions", namespaced=False)


def media_type(header: str) -> str:
    """A content type without its parameters."""
    return header.partition(";")[0].strip().lower()


def decode(body: bytes, content_type: str, kind: str, message: Message | None) -> dict[str, Any]:
    """The object in a body of JSON or YAML or, for the built-in type `message`, protobuf. `null` is an empty one."""
    try:
        return _decoded(body, media_type(content_type), message)
    except _Unreadable as error:
        text = f"the object provided is unrecognized (must be of type {kind}): {error} ({gotext.summary(body)})"
        raise BadRequest(text) from error


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


def decode_patch(body: bytes, content_type: str, served: Served) -> tuple[Any, PatchType]:
    """The patch in a body, and its type."""
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
    return patch, kind


def decode_config(body: bytes, *, strict: bool) -> Any:
    """The configuration in the body of an apply: YAML, and so JSON. Raises BadRequest; with `strict` also for a key that is there twice."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        if strict:
            _refuse_duplicates(yaml.compose(body, Loader=_LOADER))
        value = yaml.load(body, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark is not None else 0
        where = f"line {line}: " if line else ""
        text = f"error decoding YAML: error converting YAML to JSON: yaml: {where}{error.problem}"
        raise BadRequest(text) from error
    except yaml.YAMLError as error:
        raise BadRequest(f"error decoding YAML: error converting YAML to JSON: yaml: {error}") from error
    return {} if value is None else value


def _refuse_duplicates(node: yaml.Node | None) -> None:
    """A mapping with a key twice is an error to a strict reader."""
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            if key.value in seen:
                raise BadRequest(
                    "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n"
                    f'  line {key.start_mark.line + 1}: key "{key.value}" already set in map'
                )
            seen.add(str(key.value))
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    for child in children:
        _refuse_duplicates(child)


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
    try:
        return yaml.load(body, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark is not None else 0
        raise _Unreadable(f"yaml: {f'line {line}: ' if line else ''}{error.problem}") from error
    except yaml.YAMLError as error:
        raise _Unreadable(f"yaml: {error}") from error


def _as_object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Unreadable(f"couldn't get version/kind; json parse error: {gotext.unmarshal_error(value)}")
    return value
