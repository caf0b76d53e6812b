"""From what a client sent to a whole draft: of the right type and version, with its defaults, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store import metadata as meta
from harness.cluster.store.conversion import to_storage
from harness.cluster.store.decoding import decode_object
from harness.cluster.store.defaults import default
from harness.cluster.store.definitions import check_definition, default_definition
from harness.cluster.store.fieldvalidation import Strictness, report_unknown
from harness.cluster.store.registry import Served
from harness.cluster.store.schema import conform
from harness.kube.errors import Cause, Invalid
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource

Draft = dict[str, Any]


def draft_of(served: Served, asked: Served, obj: Mapping[str, Any], *, strict: Strictness) -> Draft:
    """A copy of what was sent in version `asked`, of the right type and shape, in the version in which it is stored."""
    typed = dict(obj)
    meta.fit_type(asked.resource, typed)
    draft = decode_object(asked, typed, strict=strict)
    draft.setdefault("metadata", {})
    return draft if asked is served else to_storage(asked.resource, served.resource, draft)


def complete(served: Served, draft: Draft, now: str, *, strict: Strictness) -> None:
    """Defaults, and for custom types the schema. Raises BadRequest, Invalid."""
    resource = served.resource
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        refuse(resource, draft["metadata"].get("name", ""), check_definition(draft))
        default_definition(draft, now)
    elif served.custom:
        unknown: list[str] = []
        causes = conform(draft, served.schema, unknown)
        report_unknown(resource, unknown, strict, ordered=True)
        refuse(resource, draft["metadata"].get("name", ""), causes)
    else:
        default(resource, draft)


def refuse(resource: Resource, name: str, causes: list[Cause]) -> None:
    """Raises Invalid when there are causes."""
    if causes:
        raise Invalid.of(resource, name, causes)
