"""The store against the model: random writes, and after each the same objects, indexes, versions and watch replay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harness.clock import Kernel, Seeds
from harness.cluster.store import Store
from harness.kube.errors import AlreadyExists, Conflict, NotFound
from harness.kube.objects import Object
from harness.kube.resources import CONFIG_MAPS
from harness.kube.selectors import from_labels
from tests.harness.cluster.store.conftest import START_US
from tests.harness.cluster.store.model import Model, Place, content_of

NAMES = st.sampled_from(["a", "b", "c"])
SPACES = st.sampled_from(["default", "kube-system"])
LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["x", "y"]), max_size=2)
DATA = st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["1", "2"]), max_size=2)
FINALIZERS = st.sampled_from([[], ["example.com/hold"]])


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = Store(Kernel(START_US), Seeds(1))
        self.model = Model()
        self.begin = self.store.version
        self.observed: list[tuple[str, Place, int]] = []
        self.store.observe(CONFIG_MAPS, self._observe)
        self.store.add_index(CONFIG_MAPS, "first", lambda obj: list((obj.get("data") or {}).values())[:1])

    def _observe(self, change: str, obj: Object, _old: Object | None) -> None:
        self.observed.append((change, self._place(obj), int(obj["metadata"]["resourceVersion"])))

    @staticmethod
    def _place(obj: Object) -> Place:
        return obj["metadata"]["namespace"], obj["metadata"]["name"]

    @rule(space=SPACES, name=NAMES, labels=LABELS, data=DATA, finalizers=FINALIZERS)
    def create(
        self, space: str, name: str, labels: dict[str, str], data: dict[str, str], finalizers: list[str]
    ) -> None:
        metadata = {"name": name, "namespace": space, "labels": labels, "finalizers": finalizers}
        if (space, name) in self.model.objects:
            with pytest.raises(AlreadyExists, match=f'configmaps "{name}" already exists'):
                self.store.create(CONFIG_MAPS, {"metadata": metadata, "data": data})
            return
        created = self.store.create(CONFIG_MAPS, {"metadata": metadata, "data": data})
        self.model.put((space, name), **content_of(created))

    @rule(space=SPACES, name=NAMES, labels=LABELS, data=DATA)
    def replace(self, space: str, name: str, labels: dict[str, str], data: dict[str, str]) -> None:
        known = self.model.objects.get((space, name))
        metadata = {"name": name, "namespace": space, "labels": labels}
        if known is None:
            with pytest.raises(NotFound):
                self.store.replace(CONFIG_MAPS, {"metadata": metadata, "data": data})
            return
        metadata |= {"resourceVersion": str(known["version"]), "finalizers": known["finalizers"]}
        before = self.store.version
        self.store.replace(CONFIG_MAPS, {"metadata": metadata, "data": data})
        if (labels, data) == (known["labels"], known["data"]):
            assert self.store.version == before
        else:
            self.model.put((space, name), before + 1, labels=labels, data=data)

    @precondition(lambda self: self.model.objects)
    @rule(choice=st.integers(0, 5), behind=st.integers(1, 3))
    def replace_stale(self, choice: int, behind: int) -> None:
        space, name = sorted(self.model.objects)[choice % len(self.model.objects)]
        version = self.model.objects[space, name]["version"] - behind
        metadata = {"name": name, "namespace": space, "resourceVersion": str(version)}
        with pytest.raises(Conflict, match="the object has been modified"):
            self.store.replace(CONFIG_MAPS, {"metadata": metadata, "data": {"z": "z"}})

    @precondition(lambda self: self.model.objects)
    @rule(choice=st.integers(0, 5), data=DATA)
    def patch(self, choice: int, data: dict[str, str]) -> None:
        space, name = sorted(self.model.objects)[choice % len(self.model.objects)]
        before, known = self.store.version, self.model.objects[space, name]["data"]
        self.store.patch(CONFIG_MAPS, space, name, {"data": data})
        if {**known, **data} != known:
            self.model.put((space, name), before + 1, data={**known, **data})
        assert self.store.version == before + ({**known, **data} != known)

    @rule(space=SPACES, name=NAMES)
    def delete(self, space: str, name: str) -> None:
        known = self.model.objects.get((space, name))
        before = self.store.version
        if known is None:
            with pytest.raises(NotFound):
                self.store.delete(CONFIG_MAPS, space, name)
        else:
            self.store.delete(CONFIG_MAPS, space, name)
            if not known["finalizers"]:
                self.model.remove((space, name), before + 1)
            elif not known["deleting"]:
                self.model.put((space, name), before + 1, deleting=True)

    @precondition(lambda self: self.model.objects)
    @rule(choice=st.integers(0, 5))
    def drop_finalizers(self, choice: int) -> None:
        space, name = sorted(self.model.objects)[choice % len(self.model.objects)]
        known, before = self.model.objects[space, name], self.store.version
        self.store.patch(CONFIG_MAPS, space, name, {"metadata": {"finalizers": None}})
        if known["deleting"]:
            self.model.remove((space, name), before + 1)
        elif known["finalizers"]:
            self.model.put((space, name), before + 1, finalizers=[])

    @invariant()
    def same_objects_in_order(self) -> None:
        stored = {self._place(obj): content_of(obj) for obj in self.store.list(CONFIG_MAPS)}
        assert stored == self.model.objects
        assert list(stored) == sorted(stored)

    @invariant()
    def indexes_equal_a_scan(self) -> None:
        for key in ("app", "tier"):
            for value in ("x", "y"):
                found = self.store.list(CONFIG_MAPS, None, from_labels({key: value}))
                assert [self._place(obj) for obj in found] == self.model.with_label(key, value)
        for value in ("1", "2"):
            scanned = [o for o in self.store.list(CONFIG_MAPS) if list((o.get("data") or {}).values())[:1] == [value]]
            assert list(self.store.by_index(CONFIG_MAPS, "first", value)) == scanned

    @invariant()
    def a_watch_replays_exactly_the_changes(self) -> None:
        entries = self.store.since(CONFIG_MAPS, self.begin)
        replayed = [(entry.change, self._place(entry.state.obj), entry.version) for entry in entries]
        assert replayed == self.model.changes == self.observed
        versions = [version for _, _, version in replayed]
        assert versions == sorted(set(versions))

    @invariant()
    def the_past_can_be_listed(self) -> None:
        for _, _, version in self.model.changes[-3:]:
            past: dict[Place, int] = {}
            for change, place, number in self.model.changes:
                if number <= version:
                    past[place] = number
                    if change == "DELETED":
                        del past[place]
            listed = self.store.stored_list_at(CONFIG_MAPS, None, version)
            assert {self._place(stored.obj): stored.version for stored in listed} == past

    @invariant()
    def nothing_handed_out_can_be_changed(self) -> None:
        for obj in self.store.list(CONFIG_MAPS):
            changed: Any = obj
            with pytest.raises(TypeError, match="thaw"):
                changed["data"] = {}
            with pytest.raises(TypeError, match="thaw"):
                changed["metadata"]["name"] = "other"


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TestStore = pytest.mark.slow(TestStore)
