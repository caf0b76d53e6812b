"""What every Reader and Writer has to do, as a test class to inherit from. A subclass gives the fixture `place`.

Written for a reader that may be behind: a test changes something, then waits until the reader shows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pytest

from harness.clock import Kernel
from harness.kube.client import Change, Reader, Writer
from harness.kube.errors import AlreadyExists, Conflict, Invalid, NotFound, TooManyRequests
from harness.kube.objects import Object, new_object, owner_reference, uid_of
from harness.kube.resources import CONFIG_MAPS, NAMESPACES, NODES, POD_DISRUPTION_BUDGETS, PODS
from harness.kube.selectortext import parse

T = TypeVar("T")
PATIENCE_S = 20.0
SPEC: dict[str, Any] = {"containers": [{"name": "main", "image": "app"}]}


class Eventually(Protocol):
    """Waits until a condition holds; the subclass knows how time passes."""

    def __call__(self, condition: Callable[[], bool]) -> None: ...


@dataclass
class Place:
    """A cluster to read and write: everything is called on the kernel's thread."""

    kernel: Kernel
    reader: Reader
    writer: Writer
    namespace: str
    node: str
    _changed: threading.Event = field(default_factory=threading.Event)

    def do(self, action: Callable[[], T]) -> T:
        return self.kernel.call(action)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait (in wall time: a reader that is behind follows the wall) until the condition holds; it is tested after each turn of the kernel."""
        left = int(PATIENCE_S / 0.005)
        while not self.kernel.call(condition):
            left -= 1
            assert left > 0, "the reader never showed it"
            self._changed.wait(0.005)

    def config(self, name: str, **data: str) -> Object:
        return self.do(
            lambda: self.writer.create(CONFIG_MAPS, new_object(CONFIG_MAPS, name, self.namespace, data=data))
        )

    def pod(self, name: str, **metadata: Any) -> Object:
        body = new_object(PODS, name, self.namespace, spec=SPEC)
        body["metadata"].update(metadata)
        return self.do(lambda: self.writer.create(PODS, body))

    def seen(self, name: str) -> Object | None:
        return self.do(lambda: self.reader.get(CONFIG_MAPS, self.namespace, name))


class ClientContract:
    """Reader and Writer of `harness.kube.client`."""

    def test_what_is_created_is_read_and_cannot_be_changed(self, place: Place) -> None:
        created = place.config("a", x="1")
        place.until(lambda: place.reader.get(CONFIG_MAPS, place.namespace, "a") is not None)
        found = place.seen("a")
        assert found is not None
        assert (found["data"], uid_of(found), found["kind"]) == ({"x": "1"}, uid_of(created), "ConfigMap")
        with pytest.raises(TypeError):
            found["data"]["x"] = "2"
        with pytest.raises(TypeError):
            created["data"]["x"] = "2"

    def test_a_name_can_be_asked_for(self, place: Place) -> None:
        body = {"metadata": {"generateName": "a-", "namespace": place.namespace}}
        names = [place.do(lambda: place.writer.create(CONFIG_MAPS, body))["metadata"]["name"] for _ in range(2)]
        assert len(set(names)) == 2
        assert all(name.startswith("a-") and len(name) > 2 for name in names)

    def test_refusals_have_their_types(self, place: Place) -> None:
        place.config("a")
        with pytest.raises(AlreadyExists, match=r'configmaps "a" already exists'):
            place.config("a")
        with pytest.raises(NotFound, match=r'configmaps "b" not found'):
            place.do(lambda: place.writer.delete(CONFIG_MAPS, place.namespace, "b"))
        with pytest.raises(NotFound, match=r'namespaces "nowhere" not found'):
            place.do(lambda: place.writer.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "a", "nowhere")))
        with pytest.raises(Invalid, match=r'Pod "a" is invalid: spec.containers: Required value') as caught:
            place.do(lambda: place.writer.create(PODS, new_object(PODS, "a", place.namespace, spec={"containers": []})))
        assert caught.value.details["causes"][0]["field"] == "spec.containers"

    def test_a_replace_of_an_old_version_conflicts(self, place: Place) -> None:
        old = place.config("a", x="1")
        place.do(lambda: place.writer.replace(CONFIG_MAPS, {**old, "data": {"x": "2"}}))
        with pytest.raises(Conflict, match="the object has been modified"):
            place.do(lambda: place.writer.replace(CONFIG_MAPS, {**old, "data": {"x": "3"}}))

    def test_patches_of_three_kinds(self, place: Place) -> None:
        place.config("a", x="1", y="1")

        def patched(patch: Any, **options: Any) -> Any:
            return place.do(lambda: place.writer.patch(CONFIG_MAPS, place.namespace, "a", patch, **options))["data"]

        assert patched({"data": {"x": None, "z": "3"}}) == {"y": "1", "z": "3"}
        assert patched({"data": {"y": "2"}}, kind="strategic") == {"y": "2", "z": "3"}
        assert patched([{"op": "remove", "path": "/data/z"}], kind="json") == {"y": "2"}

    def test_the_status_is_written_apart(self, place: Place) -> None:
        place.pod("p")
        status = {"status": {"phase": "Running"}, "spec": {"hostname": "no"}}
        written = place.do(
            lambda: place.writer.patch(PODS, place.namespace, "p", status, kind="strategic", subresource="status")
        )
        assert written["status"]["phase"] == "Running"
        assert "hostname" not in written["spec"]

    def test_deletion_tells_what_was_last_there(self, place: Place) -> None:
        created = place.config("a", x="1")
        with pytest.raises(Conflict):
            place.do(lambda: place.writer.delete(CONFIG_MAPS, place.namespace, "a", uid="another"))
        gone = place.do(lambda: place.writer.delete(CONFIG_MAPS, place.namespace, "a", uid=uid_of(created)))
        assert (gone["kind"], gone["data"]) == ("ConfigMap", {"x": "1"})
        place.until(lambda: place.reader.get(CONFIG_MAPS, place.namespace, "a") is None)

    def test_a_finalizer_holds_what_is_deleted(self, place: Place) -> None:
        body = new_object(CONFIG_MAPS, "a", place.namespace)
        body["metadata"]["finalizers"] = ["example.com/hold"]
        place.do(lambda: place.writer.create(CONFIG_MAPS, body))
        held = place.do(lambda: place.writer.delete(CONFIG_MAPS, place.namespace, "a"))
        assert "deletionTimestamp" in held["metadata"]
        place.do(lambda: place.writer.patch(CONFIG_MAPS, place.namespace, "a", {"metadata": {"finalizers": None}}))
        place.until(lambda: place.reader.get(CONFIG_MAPS, place.namespace, "a") is None)

    def test_a_bound_pod_ends_gracefully_and_at_once_without_grace(self, place: Place) -> None:
        place.pod("p")
        place.do(lambda: place.writer.bind(place.namespace, "p", place.node))
        ending = place.do(lambda: place.writer.delete(PODS, place.namespace, "p", grace_period_s=7))
        assert ending["metadata"]["deletionGracePeriodSeconds"] == 7
        assert ending["spec"]["nodeName"] == place.node
        place.do(lambda: place.writer.delete(PODS, place.namespace, "p", grace_period_s=0))
        place.until(lambda: place.reader.get(PODS, place.namespace, "p") is None)

    def test_a_pod_is_bound_once(self, place: Place) -> None:
        place.pod("p")
        place.do(lambda: place.writer.bind(place.namespace, "p", place.node))
        with pytest.raises(Conflict, match=f'pod p is already assigned to node "{place.node}"'):
            place.do(lambda: place.writer.bind(place.namespace, "p", place.node))

    def test_a_budget_that_is_not_worked_out_yet_holds_an_eviction_back(self, place: Place) -> None:
        place.pod("p", labels={"app": "web"})
        place.do(
            lambda: place.writer.patch(
                PODS, place.namespace, "p", {"status": {"phase": "Running"}}, subresource="status"
            )
        )
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
        budget = new_object(POD_DISRUPTION_BUDGETS, "b", place.namespace, spec=spec)
        place.do(lambda: place.writer.create(POD_DISRUPTION_BUDGETS, budget))
        with pytest.raises(TooManyRequests, match="Cannot evict pod as it would violate the pod's disruption budget"):
            place.do(lambda: place.writer.evict(place.namespace, "p"))

    def test_an_eviction_without_a_budget_deletes(self, place: Place) -> None:
        place.pod("p")
        place.do(lambda: place.writer.evict(place.namespace, "p", grace_period_s=0))
        place.until(lambda: place.reader.get(PODS, place.namespace, "p") is None)

    def test_lists_are_in_order_and_selected_by_labels(self, place: Place) -> None:
        for name, tier in (("c", "x"), ("a", "x"), ("b", "y")):
            place.pod(name, labels={"tier": tier})
        place.until(lambda: len(place.reader.list(PODS, place.namespace)) == 3)

        def names(text: str) -> list[str]:
            found = place.do(lambda: place.reader.list(PODS, place.namespace, parse(text)))
            return [pod["metadata"]["name"] for pod in found]

        assert (names(""), names("tier=x"), names("tier!=x")) == (["a", "b", "c"], ["a", "c"], ["b"])
        assert all(
            place.namespace in (None, obj["metadata"].get("namespace"))
            for obj in place.do(lambda: place.reader.list(PODS, place.namespace))
        )

    def test_what_is_not_namespaced_is_read_without(self, place: Place) -> None:
        place.until(lambda: place.reader.get(NAMESPACES, None, place.namespace) is not None)
        place.until(lambda: place.reader.get(NODES, None, place.node) is not None)

    def test_indexes_follow_changes(self, place: Place) -> None:
        owner = place.config("owner")
        place.do(lambda: place.reader.add_index(PODS, "color", lambda pod: pod["metadata"].get("labels", {}).values()))
        place.do(lambda: place.reader.add_index(PODS, "color", lambda _: ()))  # harmless
        place.pod("p", labels={"c": "red"}, ownerReferences=[owner_reference(owner)])

        def found(index: str, key: str) -> list[str]:
            return [pod["metadata"]["name"] for pod in place.reader.by_index(PODS, index, key)]

        place.until(lambda: found("color", "red") == ["p"])
        assert place.do(lambda: found("owner", uid_of(owner))) == ["p"]
        place.do(lambda: place.writer.patch(PODS, place.namespace, "p", {"metadata": {"labels": {"c": "blue"}}}))
        place.do(lambda: place.writer.bind(place.namespace, "p", place.node))
        place.until(lambda: found("color", "blue") == ["p"])
        place.until(lambda: "p" in found("node", place.node))
        assert place.do(lambda: found("color", "red")) == []
        with pytest.raises(KeyError, match="no index 'shape' was declared"):
            place.do(lambda: place.reader.by_index(PODS, "shape", "x"))

    def test_observers_are_told_what_is_there_and_every_change(self, place: Place) -> None:
        place.config("a", x="1")
        place.until(lambda: place.reader.get(CONFIG_MAPS, place.namespace, "a") is not None)
        seen: list[tuple[Change, str, str | None]] = []

        def observe(change: Change, obj: Object, old: Object | None) -> None:
            if obj["metadata"].get("namespace") == place.namespace and obj["metadata"]["name"] == "a":
                assert place.kernel.call(lambda: True)  # on the kernel's thread: this would wait for ever elsewhere
                seen.append((change, obj["data"]["x"], None if old is None else old["data"]["x"]))

        place.do(lambda: place.reader.observe(CONFIG_MAPS, observe))
        place.do(lambda: place.writer.patch(CONFIG_MAPS, place.namespace, "a", {"data": {"x": "2"}}))
        place.do(lambda: place.writer.delete(CONFIG_MAPS, place.namespace, "a"))
        place.until(lambda: len(seen) == 3)
        assert seen == [("ADDED", "1", None), ("MODIFIED", "2", "1"), ("DELETED", "2", None)]
