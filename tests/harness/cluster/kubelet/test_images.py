"""Pulls: how long, from where, and what happens when there is nothing to pull."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness.kube.resources import NODES
from tests.harness.cluster.kubelet.world import World, app


@pytest.mark.parametrize(("kind", "seconds"), [("m6i.large", 2 + 10 + 10), ("t3.medium", 2 + 20 + 20)])
def test_given_an_image_then_its_pull_takes_what_the_facts_say(world: World, kind: str, seconds: float) -> None:
    world.images.size_bytes = 600_000_000
    world.node("typed", **{"node.kubernetes.io__instance-type": kind})
    world.pod("p", node="typed")

    world.until_phase("Running")

    assert world.elapsed_s == seconds


def test_given_an_image_on_the_node_then_it_is_there_at_once_and_the_node_says_so(world: World) -> None:
    world.images.size_bytes = 60_000_000
    world.pod("a")
    world.until_phase("Running", "a")
    before = world.elapsed_s

    world.pod("b")
    world.until_phase("Running", "b")

    assert world.elapsed_s == before
    assert world.events("b")[0] == (before, "Pulled", 'Container image "pause:3" already present on machine')
    node = world.kernel.call(lambda: world.store.get(NODES, None, "n1"))
    assert node is not None
    assert node["status"]["images"] == [{"names": ["pause:3"], "sizeBytes": 150_000_000}]


def test_given_two_pods_that_want_one_image_then_the_second_joins_the_pull(world: World) -> None:
    world.images.size_bytes = 600_000_000
    world.pod("a")
    world.advance(10)
    world.pod("b")

    world.until_phase("Running", "b")

    assert world.elapsed_s == 22
    assert "in 12s (12s including waiting)" in world.events("b")[1][2]


def test_given_a_missing_image_then_pulls_back_off_until_it_appears(world: World) -> None:
    world.images.missing.add("pause:3")
    world.pod()

    world.advance(0.5)
    waiting = world.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "ErrImagePull", "message": "pause:3: not found"}
    world.advance(1)
    waiting = world.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    text = 'Back-off pulling image "pause:3": ErrImagePull: pause:3: not found'
    assert waiting == {"reason": "ImagePullBackOff", "message": text}
    world.advance(1400)

    tries = [at for at, reason, _ in world.events() if reason == "Pulling"]
    assert [after - before for before, after in pairwise(tries)] == [
        10,
        20,
        40,
        80,
        160,
        300,
        300,
        300,
    ]
    assert world.events()[:5] == [
        (0, "Pulling", 'Pulling image "pause:3"'),
        (0, "Failed", 'Failed to pull image "pause:3": pause:3: not found'),
        (0, "Failed", "Error: ErrImagePull"),
        (1, "BackOff", 'Back-off pulling image "pause:3"'),
        (1, "Failed", "Error: ImagePullBackOff"),
    ]
    world.images.missing.clear()
    world.until_phase("Running")


def test_given_the_policy_never_and_no_image_then_it_says_so(world: World) -> None:
    world.pod("p", app(imagePullPolicy="Never"))

    world.advance(1)

    waiting = world.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    text = 'Container image "pause:3" is not present with pull policy of Never'
    assert waiting == {"reason": "ErrImageNeverPull", "message": text}


def test_given_the_policy_always_then_a_present_image_is_looked_up_again(world: World) -> None:
    world.pod("a", app(imagePullPolicy="Always"))
    world.until_phase("Running", "a")
    world.images.missing.add("pause:3")

    world.pod("b", app(imagePullPolicy="Always"))
    world.advance(0.5)

    assert world.get("b")["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ErrImagePull"
