"""Who owns what after any sequence of writes: the laws of server-side apply, and the written form of the entries."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cluster.store.apply.fieldsets import MalformedFields, show
from harness.cluster.store.apply.managers import (
    UPDATERS_MAX,
    ApplyConflict,
    Managed,
    Manager,
    after_apply,
    decode_managed,
    encode_managed,
    updated,
)
from harness.cluster.store.apply.ownership import base
from harness.cluster.store.apply.typed import compare, fields_of
from tests.harness.cluster.store.apply.houses import ANN, APPLIERS, BOB, GROUND, SHAPE, VERSION, house, houses

APPLY_ANN, APPLY_BOB, _ = APPLIERS
writes = st.lists(st.tuples(st.sampled_from((ANN, BOB, APPLY_ANN, APPLY_BOB)), houses()), min_size=1, max_size=4)


def write(managed: Managed, manager: Manager, old: Any, new: Any, *, force: bool = True) -> tuple[Any, Managed]:
    """The object and the entries after an update with, or an apply of `new`."""
    if manager.operation == "Update":
        return new, updated(GROUND, managed, manager, old, new, "t")
    applied, left = after_apply(GROUND, managed, manager, old, new, "t", force=force)
    return (old if applied is None else applied), left


def filled(value: Any) -> Any:
    """Without nulls and what is empty: upstream, too, an emptied map may be owned by nobody, and become a null and a map again."""
    if isinstance(value, dict):
        kept = {key: filled(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, {}, [])}
    return [filled(item) for item in value] if isinstance(value, list) else value


def conflicts_of(managed: Managed, obj: Any, config: Any) -> set[str]:
    """The fields that an apply without force is refused for."""
    try:
        write(managed, APPLY_ANN, obj, config, force=False)
    except ApplyConflict as error:
        return {cause["field"] for cause in error.details["causes"]}
    return set()


def written(steps: list[Any]) -> tuple[Any, Managed]:
    obj, managed = house(), Managed()
    for manager, value in steps:
        obj, managed = write(managed, manager, obj, value)
    return obj, managed


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=200)
@given(writes)
def test_given_any_writes_then_every_leaf_that_was_set_has_an_owner(steps: list[Any]) -> None:
    obj, managed = written(steps)
    owned = {path for entry in managed.values() for path in entry.fields.paths()}
    set_by_somebody = set(compare(SHAPE, house(), obj).added.paths())
    leaves = {path for path in fields_of(SHAPE, filled(obj)).paths() if path in set_by_somebody}
    assert {path for path in leaves if not any(path[: len(one)] == one for one in owned)} == set()


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=200)
@given(writes, houses())
def test_given_an_apply_then_a_second_one_changes_nothing(steps: list[Any], config: Any) -> None:
    obj, managed = written(steps)
    obj, managed = write(managed, APPLY_ANN, obj, config)
    again, left = after_apply(GROUND, managed, APPLY_ANN, obj, config, "later", force=False)
    assert filled(obj if again is None else again) == filled(obj)
    assert {manager: entry.encoded for manager, entry in left.items()} == {
        manager: entry.encoded for manager, entry in managed.items()
    }


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=200)
@given(writes)
def test_given_an_apply_of_nothing_then_its_manager_owns_nothing(steps: list[Any]) -> None:
    obj, managed = written(steps)
    _, left = write(managed, APPLY_ANN, obj, house())
    assert APPLY_ANN not in left


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=200)
@given(writes, houses())
def test_given_a_conflict_then_force_moves_what_it_names_to_the_applier(steps: list[Any], config: Any) -> None:
    obj, managed = written(steps)
    conflicts = conflicts_of(managed, obj, config)
    new, left = write(managed, APPLY_ANN, obj, config)
    change = compare(SHAPE, obj, new)
    changed = change.modified.union(change.added)
    for other, entry in left.items():
        assert other == APPLY_ANN or not entry.fields.intersection(changed)
    mine = {show(path) for path in left[APPLY_ANN].fields.paths()} if APPLY_ANN in left else set()
    assert conflicts <= mine | {show(path) for path in change.removed.paths()}


def test_given_what_two_appliers_state_alike_then_both_own_it_and_either_may_leave() -> None:
    obj, managed = written([(APPLY_ANN, house(spec={"size": 1})), (APPLY_BOB, house(spec={"size": 1, "tags": ["x"]}))])
    obj, managed = write(managed, APPLY_ANN, obj, house())
    assert obj["spec"] == {"size": 1, "tags": ["x"]}
    obj, managed = write(managed, APPLY_BOB, obj, house(spec={"tags": ["x"]}))
    assert obj["spec"] == {"tags": ["x"]}


def test_given_more_updaters_than_are_kept_then_the_oldest_are_put_together() -> None:
    obj, managed = house(), Managed()
    for number in range(UPDATERS_MAX + 3):
        new = house(spec={"names": {f"k{key}": "u" for key in range(number + 1)}})
        managed = updated(GROUND, managed, Manager.of(f"m{number:02}", "Update", VERSION), obj, new, f"t{number:02}")
        obj = new
    names = [manager.name for manager in managed]
    assert len(names) == UPDATERS_MAX
    assert "ancient-changes" in names
    assert {"m00", "m01", "m02"}.isdisjoint(names)


def test_given_entries_then_what_is_written_reads_as_the_same() -> None:
    _, managed = written([(ANN, house(spec={"size": 1})), (APPLY_BOB, house(spec={"tags": ["x"]}))])
    status = Manager.of("kubelet", "Update", VERSION, "status")
    managed = updated(GROUND, managed, status, house(), house(status={}), "u")
    entries = orjson.loads(encode_managed(managed))
    assert decode_managed(entries) == managed
    assert [entry["operation"] for entry in entries] == ["Apply", "Update", "Update"]
    assert list(entries[-1]) == ["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource"]


@pytest.mark.parametrize("given_entries", [[], [{}]])
def test_given_an_empty_list_or_one_empty_entry_then_ownership_is_reset(given_entries: list[Any]) -> None:
    _, managed = written([(ANN, house(spec={"size": 1}))])
    assert base(managed, given_entries) == {}
    assert base(managed, None) is managed


@pytest.mark.parametrize(
    "entry",
    [
        {"operation": "Own", "apiVersion": "v1", "fieldsType": "FieldsV1"},
        {"operation": "Apply", "fieldsType": "FieldsV1"},
        {"operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV2"},
        "x",
    ],
)
def test_given_an_entry_that_is_none_then_the_entries_stay_as_they_were(entry: Any) -> None:
    _, managed = written([(ANN, house(spec={"size": 1}))])
    with pytest.raises(MalformedFields):
        decode_managed([entry])
    assert base(managed, [entry]) == managed
