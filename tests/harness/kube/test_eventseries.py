"""Events of kube-scheduler's kind; the first case is what a real 1.34 server showed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.clock import HOUR, MINUTE, SECOND, Kernel, Outcome, Seeds, Timeline
from harness.cluster.store import Store
from harness.kube.eventseries import SeriesRecorder
from harness.kube.objects import Object, new_object
from harness.kube.resources import EVENTS, NAMESPACES, PODS

START_US = 1_772_352_000 * SECOND  # 2026-03-01T08:00:00Z


class World:
    """A store, a pod, and a recorder."""

    def __init__(self) -> None:
        self.kernel = Kernel(START_US)
        self.store = Store(self.kernel, Seeds(1))
        self.timeline = Timeline(lambda: self.kernel.now)
        self.recorder = SeriesRecorder(self.kernel, self.store, self.store, self.timeline, "default-scheduler")
        self.pod = self.store.create(
            PODS, new_object(PODS, "p", "default", spec={"containers": [{"name": "c", "image": "i"}]})
        )
        self.kernel.start()

    def say(self, message: str = "no room", pod: Object | None = None) -> None:
        self.recorder.event(pod or self.pod, "Warning", "FailedScheduling", "Scheduling", message)

    def at(self, minute: float, do: Callable[[], Any]) -> None:
        """Let time come to that minute of the run, and do something."""
        when_us = START_US + round(minute * MINUTE)
        self.kernel.call(lambda: self.kernel.at(when_us, do))
        self.kernel.wait(lambda: self.kernel.now >= when_us, 24 * HOUR)

    def events(self) -> list[Object]:
        return list(self.kernel.call(lambda: self.store.list(EVENTS)))

    def counts(self) -> list[int | None]:
        return [event.get("series", {}).get("count") for event in self.events()]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.kernel.close()


def test_given_one_event_then_it_has_the_fields_that_a_real_scheduler_writes(world: World) -> None:
    world.at(0, world.say)
    (event,) = world.events()
    shown = {key: value for key, value in event.items() if key != "metadata"}
    assert shown == {
        "apiVersion": "v1",
        "kind": "Event",
        "action": "Scheduling",
        "eventTime": "2026-03-01T08:00:00.000000Z",
        "firstTimestamp": None,
        "lastTimestamp": None,
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": "p",
            "namespace": "default",
            "resourceVersion": world.pod["metadata"]["resourceVersion"],
            "uid": world.pod["metadata"]["uid"],
        },
        "message": "no room",
        "reason": "FailedScheduling",
        "reportingComponent": "default-scheduler",
        "reportingInstance": "default-scheduler-control-plane",
        "source": {},
        "type": "Warning",
    }
    assert event["metadata"]["name"] == f"p.{START_US * 1000:x}"


def test_given_a_repetition_when_it_goes_on_then_the_second_makes_a_series_and_the_others_are_written_every_half_hour(
    world: World,
) -> None:
    for minute in range(0, 29):
        world.at(minute, world.say)
    (event,) = world.events()
    assert event["series"] == {"count": 2, "lastObservedTime": "2026-03-01T08:01:00.000000Z"}
    assert len(world.timeline.of_kind("FailedScheduling")) == 29
    world.at(30.1, lambda: None)
    (event,) = world.events()
    assert event["series"] == {"count": 29, "lastObservedTime": "2026-03-01T08:28:00.000000Z"}


def test_given_a_series_when_nothing_happens_for_six_minutes_then_its_count_is_written_and_the_next_begins_anew(
    world: World,
) -> None:
    for minute in (0, 1, 2):
        world.at(minute, world.say)
    world.at(11.9, lambda: None)
    assert world.counts() == [2]
    world.at(12.1, lambda: None)
    assert world.counts() == [3]
    world.at(13, world.say)
    assert world.counts() == [3, None]


def test_given_another_message_then_it_is_the_same_event_but_not_for_another_version_of_the_pod(world: World) -> None:
    world.at(0, world.say)
    world.at(1, lambda: world.say("no room at all"))
    assert [event["message"] for event in world.events()] == ["no room"]
    changed = world.kernel.call(lambda: world.store.patch(PODS, "default", "p", {"metadata": {"labels": {"a": "b"}}}))
    world.at(2, lambda: world.say("no room at all", changed))
    assert [event["message"] for event in world.events()] == ["no room", "no room at all"]


def test_given_two_pods_at_one_moment_then_no_two_events_have_one_name(world: World) -> None:
    changed = world.kernel.call(lambda: world.store.patch(PODS, "default", "p", {"metadata": {"labels": {"a": "b"}}}))

    def both() -> None:
        world.say()
        world.say(pod=changed)

    world.at(0, both)
    assert len({event["metadata"]["name"] for event in world.events()}) == 2


def test_given_a_series_whose_event_was_deleted_when_it_goes_on_then_it_is_written_again(world: World) -> None:
    world.at(0, world.say)
    (event,) = world.events()
    world.kernel.call(lambda: world.store.delete(EVENTS, "default", event["metadata"]["name"]))
    world.at(1, world.say)
    assert world.counts() == [2]


def test_given_a_namespace_that_goes_away_then_its_events_are_lost(world: World) -> None:
    def begin() -> Object:
        world.store.create(NAMESPACES, new_object(NAMESPACES, "n"))
        pod = world.store.create(PODS, new_object(PODS, "q", "n", spec={"containers": [{"name": "c", "image": "i"}]}))
        world.store.delete(NAMESPACES, None, "n")
        return pod

    pod = world.kernel.call(begin)
    world.at(0, lambda: world.say(pod=pod))
    assert world.events() == []
    assert len(world.timeline.of_kind("FailedScheduling")) == 1


def test_given_nothing_more_to_count_then_no_timer_is_left(world: World) -> None:
    world.at(0, world.say)
    assert world.kernel.wait(lambda: False, HOUR) is Outcome.NOTHING_LEFT
    assert world.kernel.now == START_US + 12 * MINUTE
