"""Names in a node's store. The engine is a script that only notes what it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.targets.kind.containers import NodeContainers
from harness.targets.kind.engine import EngineError
from harness.targets.kind.images import ImageStore, canonical, changes, held_name
from tests.harness.targets.kind.engines import scripted_engine

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/em-pipeline-ebi"
ENGINE = """"image inspect"*gone*) echo "Error: No such image" >&2; exit 1;;
"image inspect"*) echo sha256:aa;;
ps*) echo s-node-1;;"""


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("kindest/node:v1.34.4", "docker.io/kindest/node:v1.34.4"),
        ("localhost/x", "localhost/x:latest"),
        ("registry:5000/x", "registry:5000/x:latest"),
        (f"{ECR}:0.1.0", f"{ECR}:0.1.0"),
        ("quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00"),
    ],
)
def test_a_reference_has_one_full_name(reference: str, name: str) -> None:
    assert canonical(reference) == name


def test_names_that_are_right_cost_nothing() -> None:
    assert changes({"a": "sha256:1"}, {"a": "sha256:1"}) == []


def test_names_go_before_names_come_and_those_of_one_content_come_together() -> None:
    has, wanted = {"old": "sha256:1", "moved": "sha256:1"}, {"moved": "sha256:2", "new": "sha256:2"}
    assert changes(has, wanted) == [["rm", "old"], ["tag", "--force", held_name("sha256:2"), "moved", "new"]]


def test_a_name_reaches_nodes_that_run_and_leaves_them(tmp_path: Path) -> None:
    engine, asked = scripted_engine(tmp_path, ENGINE)
    store = ImageStore(NodeContainers(engine, "s", "image", tmp_path), "s-images")
    store.load(["local:1"])
    store.attach("s-node-1")

    def named() -> list[str]:
        lines = [line for line in asked.read_text().splitlines() if "s-node-1 sh -ceu ctr" in line]
        asked.write_text("")
        return [line.partition(" images ")[2] for line in lines]

    named()
    # given a content that is loaded, then publishing is a name
    store.publish({f"{ECR}:1": "local:1"})
    assert named() == [f"tag --force {held_name('sha256:aa')} {ECR}:1"]
    store.withdraw(f"{ECR}:1")
    assert named() == [f"rm {ECR}:1"]
    # given nothing to withdraw, then nothing is asked
    store.restore()
    assert named() == []
    assert store.published == []


def test_given_an_image_that_the_engine_does_not_have_then_nothing_is_published(tmp_path: Path) -> None:
    engine, _ = scripted_engine(tmp_path, ENGINE)
    store = ImageStore(NodeContainers(engine, "s", "image", tmp_path), "s-images")
    with pytest.raises(EngineError, match="image gone:1 is not on this machine: build or pull it first"):
        store.publish(["here:1", "gone:1"])
    assert store.published == []
