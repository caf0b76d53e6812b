"""A kind with every way to merge, values of it drawn from small pools, and the ground of writes to it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from harness.cluster.store.apply.fieldsets import of_paths
from harness.cluster.store.apply.managers import Ground, Manager
from harness.cluster.store.apply.shapes import Shape, of_schema
from harness.kube.objects import freeze

VERSION = "example.com/v1"
TEXT: dict[str, Any] = {"type": "string"}


def _map_list(key: str, **properties: Any) -> dict[str, Any]:
    items = {"type": "object", "properties": {key: TEXT, **properties}}
    return {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": [key],
        "items": items,
    }


def _set() -> dict[str, Any]:
    return {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "tags": _set(),
                "names": {"type": "object", "additionalProperties": TEXT},
                "rooms": _map_list("name", floor={"type": "integer"}, guests=_set()),
                "addresses": _map_list("ip", note=TEXT),
                "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": TEXT},
                "list": {"type": "array", "items": TEXT},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "properties": {"addresses": _map_list("ip", note=TEXT)}},
    },
}
SHAPE = of_schema(SCHEMA)

_letters = st.sampled_from("ab")
_words = st.sampled_from(["u", "v"])
_addresses = st.lists(
    st.fixed_dictionaries({"ip": st.sampled_from(["10.0.0.1", "10.0.0.2", "9.0.0.3"])}, optional={"note": _words}),
    max_size=2,
    unique_by=lambda item: item["ip"],
)
_free = st.recursive(
    st.sampled_from([1, 2, "q", None]),
    lambda inner: st.dictionaries(_letters, inner, max_size=2) | st.lists(inner, max_size=2),
    max_leaves=4,
)
_spec = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(1, 2),
        "tags": st.lists(st.sampled_from("xyz"), max_size=3, unique=True),
        "names": st.dictionaries(_letters, _words, max_size=2),
        "rooms": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from("rs")},
                optional={"floor": st.integers(0, 1), "guests": st.lists(_letters, max_size=2, unique=True)},
            ),
            max_size=2,
            unique_by=lambda item: item["name"],
        ),
        "addresses": _addresses,
        "whole": st.dictionaries(_letters, _words, max_size=2),
        "list": st.lists(_words, max_size=2),
        "free": st.dictionaries(_letters, _free, max_size=2),
    },
)


def house(**parts: Any) -> dict[str, Any]:
    """A house of these parts."""
    return {"apiVersion": VERSION, "kind": "House", "metadata": {"name": "h"}, **parts}


def houses() -> st.SearchStrategy[Any]:
    """Stored houses."""
    parts = st.fixed_dictionaries(
        {}, optional={"spec": _spec, "status": st.fixed_dictionaries({}, optional={"addresses": _addresses})}
    )
    return parts.map(lambda drawn: freeze(house(**drawn)))


def shape_of(version: str) -> Shape | None:
    """The one version."""
    return SHAPE if version == VERSION else None


GROUND = Ground(shape_of, VERSION)
STATUS_GROUND = Ground(shape_of, VERSION, of_paths(("f:spec",)))
ANN, BOB = Manager.of("ann", "Update", VERSION), Manager.of("bob", "Update", VERSION)
APPLIERS = tuple(Manager.of(name, "Apply", VERSION) for name in ("ann", "bob", "kubectl"))
