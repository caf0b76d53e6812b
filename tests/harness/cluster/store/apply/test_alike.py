"""What is remembered of a write: exactly what working it out again would give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cluster.store.apply import alike
from harness.cluster.store.apply.alike import after_create, after_update
from harness.cluster.store.apply.likeness import Unlike, likeness
from harness.cluster.store.apply.managers import Managed, Manager, updated
from harness.cluster.store.apply.ownership import parts_of
from harness.kube.objects import freeze
from tests.harness.cluster.store.apply.houses import ANN, BOB, GROUND, SHAPE, STATUS_GROUND, house, houses

writers = st.sampled_from(
    [(ANN, GROUND), (BOB, GROUND), (Manager.of("kubelet", "Update", ANN.api_version, "status"), STATUS_GROUND)]
)


@pytest.mark.slow
@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.lists(st.tuples(houses(), writers), min_size=1, max_size=4))
def test_given_any_writes_then_what_is_remembered_is_what_they_give(writes: list[Any]) -> None:
    old, managed = house(), Managed()
    for number, (new, (manager, ground)) in enumerate(writes):
        wanted = updated(ground, managed, manager, old, new, f"t{number}")
        assert after_update(ground, managed, manager, old, new, f"t{number}") == wanted
        old, managed = new, wanted


def addressed(*addresses: str, key: str = "status", note: str = "n") -> Any:
    return freeze(house(**{key: {"addresses": [{"ip": ip, "note": note} for ip in addresses]}}))


def taken(managed: Managed, old: Any, new: Any, monkeypatch: pytest.MonkeyPatch) -> Managed:
    """The entries after a write whose like was seen before: nothing may be worked out."""
    with monkeypatch.context() as patched:
        patched.setattr(alike, "updated", None)
        return after_update(GROUND, managed, ANN, old, new, "t")


def test_given_objects_that_an_address_tells_apart_then_one_step_serves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first = after_update(GROUND, {}, ANN, house(), addressed("10.1.1.1"), "t")
    second = taken({}, house(), addressed("10.2.2.2"), monkeypatch)
    assert b'"k:{\\"ip\\":\\"10.2.2.2\\"}"' in second[ANN].encoded
    assert second[ANN].encoded == first[ANN].encoded.replace(b"10.1.1.1", b"10.2.2.2")


def test_given_an_address_with_a_neighbour_then_its_place_among_them_is_not_remembered() -> None:
    both = after_update(GROUND, {}, ANN, house(), addressed("10.0.0.1", "10.0.0.5"), "t")
    other = after_update(GROUND, {}, ANN, house(), addressed("10.0.0.9", "10.0.0.5"), "t")
    assert both[ANN].encoded.index(b"0.1") < both[ANN].encoded.index(b"0.5")
    assert other[ANN].encoded.index(b"0.5") < other[ANN].encoded.index(b"0.9")


def test_given_a_template_then_its_second_object_costs_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(addressed("10.3.3.3", key="spec"))
    first = after_create(GROUND, {}, ANN, {}, parts, "t1")
    monkeypatch.setattr(alike, "likeness", None)
    second = after_create(GROUND, {}, ANN, {}, dict(parts), "t2")
    assert second[ANN].encoded is first[ANN].encoded
    assert (first[ANN].time, second[ANN].time) == ("t1", "t2")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"size": 1}, {"size": 1, "tags": []}),
        ({"rooms": [{"name": "r", "floor": 1}]}, {"rooms": [{"name": "s", "floor": 1}]}),
        ({"rooms": [{"name": "r", "floor": 1}]}, {"rooms": [{"name": "r"}]}),
        ({"names": {"a": "u"}}, {"names": {"b": "u"}}),
        ({"free": {"a": {}}}, {"free": {"a": []}}),
        ({"tags": ["x", "y"]}, {"tags": ["x", "z"]}),
    ],
)
def test_given_changes_of_different_fields_then_they_are_not_alike(left: Any, right: Any) -> None:
    keys = [likeness(SHAPE, house(), freeze(house(spec=spec))).tokens for spec in (left, right)]
    assert keys[0] != keys[1]


def test_given_values_that_differ_then_changes_are_alike_but_for_the_fields_that_changed() -> None:
    old = freeze(house(spec={"size": 1, "names": {"a": "u"}}))
    sizes = [likeness(SHAPE, old, freeze(house(spec={"size": size, "names": {"a": "u"}}))) for size in (2, 3, 1)]
    assert sizes[0].tokens == sizes[1].tokens != sizes[2].tokens


def test_given_an_item_twice_then_the_change_has_no_key() -> None:
    with pytest.raises(Unlike):
        likeness(SHAPE, house(), house(spec={"rooms": [{"name": "r"}, {"name": "r"}]}))
