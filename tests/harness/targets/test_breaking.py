"""Faults that last, on a modelled AWS: when they end, what the timeline says, and which of them hit nothing."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.archives.failures import FailurePlan
from harness.clock import SECOND, Kernel, Timeline, seconds
from harness.cloud.estate import Subnet
from harness.cloud.launching import LaunchRequest, Pool
from harness.cloud.tempo import Tempo
from harness.kube.resources import PODS
from harness.targets.base import UnsupportedFault
from harness.targets.sim.breaking import SimFaults
from harness.targets.sim.cuts import Cut
from tests.harness.doubles import START, Shelf, named

REQUEST = LaunchRequest(Pool("t3.medium", "us-east-1a", "SPOT"), Subnet("s", "us-east-1a", "10.0.0.0/24"), "group")


class Stage:
    """The faults of a world without machines; `rules` are EC2's capacity rules, `cuts` what the gate was told."""

    def __init__(self, factor: float = 1.0) -> None:
        self.kernel = Kernel(START)
        self.timeline = Timeline(lambda: self.kernel.now)
        self.rules: list[Any] = []
        self.cuts: list[Cut] = []
        self.reader: Any = Shelf()
        cloud: Any = SimpleNamespace(
            gateway=SimpleNamespace(on_answer=[], rules=[]),
            instances=SimpleNamespace(capacity_rules=self.rules),
            groups=None,
            fleet=None,
            tempo=Tempo(factor),
        )
        gate: Any = SimpleNamespace(sever=self.cuts.append)
        self.faults = SimFaults(
            kernel=self.kernel,
            timeline=self.timeline,
            reader=self.reader,
            writer=None,
            cloud=cloud,
            failures=FailurePlan(),
            gate=gate,
        )
        self.kernel.start()

    def pass_time(self, duration_s: float) -> None:
        self.kernel.call(lambda: self.kernel.after(seconds(duration_s), lambda: None))
        self.kernel.wait(lambda: False, seconds(duration_s))

    def refuse_capacity(self) -> None:
        self.kernel.call(
            lambda: self.faults.refuse_capacity(
                "InsufficientInstanceCapacity", instance_type="t3.*", zone="*", capacity_type="SPOT", for_s=600
            )
        )

    def cut_network(self) -> None:
        self.kernel.call(lambda: self.faults.cut_network("ns/p", ["flyem"], mode="drop", for_s=30))


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.kernel.close()


def test_capacity_is_refused_until_its_end_and_the_timeline_says_so(stage: Stage) -> None:
    stage.refuse_capacity()
    stage.pass_time(599)
    assert len(stage.rules) == 1
    stage.pass_time(1)
    assert stage.rules == []
    (ended,) = stage.timeline.of_kind("FaultEnded")
    assert (ended.subject, ended.details) == ("Fault/RefuseCapacity", {"what": "t3.*/*/SPOT"})


def test_where_modelled_delays_are_shorter_missing_capacity_is_too() -> None:
    hasty = Stage(factor=10)
    hasty.refuse_capacity()
    hasty.pass_time(60)
    assert hasty.rules == []
    hasty.kernel.close()


def test_a_shortage_that_no_launch_met_is_idle(stage: Stage) -> None:
    stage.refuse_capacity()
    (idle,) = stage.faults.unfired_rules()
    assert "InsufficientInstanceCapacity" in idle
    assert stage.rules[0].refuse(REQUEST) is not None
    assert stage.faults.unfired_rules() == []


def test_a_cut_that_no_request_met_is_idle(stage: Stage) -> None:
    stage.cut_network()
    assert stage.faults.unfired_rules() == ["drop ns/p - flyem"]
    stage.cuts[0].met += 1
    assert stage.faults.unfired_rules() == []
    stage.pass_time(30)
    assert [record.details for record in stage.timeline.of_kind("FaultEnded")] == [{"what": "drop ns/p - flyem"}]


@pytest.mark.parametrize(
    ("environment", "patience_s"),
    [([], 60), ([{"name": "EM_TIMEOUT_S", "value": "7.5"}], 7.5), ([{"name": "OTHER", "value": "7"}], 60)],
)
def test_the_patience_of_a_process_is_that_of_its_environment(
    stage: Stage, environment: list[dict[str, str]], patience_s: float
) -> None:
    stage.reader.put(PODS, named("ns/p", spec={"containers": [{"name": "main", "env": environment}]}))
    stage.cut_network()
    (cut,) = stage.cuts
    assert cut.patience_us == patience_s * SECOND
    assert (cut.begin_us, cut.end_us) == (START, START + 30 * SECOND)


def test_a_disk_of_this_machine_is_not_filled(stage: Stage) -> None:
    assert "real_containers" in stage.faults.unsupported["FillDisk"]
    with pytest.raises(UnsupportedFault, match=r"^FillDisk: the shared file system is a directory of this machine"):
        stage.faults.fill_disk("shared", leaving_bytes=0, for_s=1)
