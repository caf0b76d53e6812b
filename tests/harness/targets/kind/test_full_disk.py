"""A full disk on real nodes: what is asked of the session, and when the room comes back. The session is on paper."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from fixtures.archives.failures import FailurePlan
from harness.clock import Kernel, Timeline, seconds
from harness.cloud.tempo import Tempo
from harness.targets.kind.breaking import KindFaults
from tests.harness.doubles import START, Shelf


class PaperSession:
    """Notes what it was asked to run."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, argv: Sequence[str]) -> str:
        self.asked.append(" ".join(argv))
        return ""


def test_a_volume_is_filled_for_as_long_as_was_asked_however_short_modelled_delays_are() -> None:
    # given a world whose modelled delays are ten times shorter
    kernel, session = Kernel(START), PaperSession()
    timeline = Timeline(lambda: kernel.now)
    cloud: Any = SimpleNamespace(
        gateway=SimpleNamespace(on_answer=[], rules=[]), instances=None, groups=None, fleet=None, tempo=Tempo(10)
    )
    reader: Any = Shelf()
    faults = KindFaults(
        session=session,  # type: ignore[arg-type]
        environment={},
        kernel=kernel,
        timeline=timeline,
        reader=reader,
        writer=None,
        cloud=cloud,
        failures=FailurePlan(),
    )
    kernel.start()
    # when the volume is filled for a minute
    kernel.call(lambda: faults.fill_disk("shared", leaving_bytes=4096, for_s=60))
    (filling,) = session.asked
    assert "- 4096))" in filling
    assert "fallocate -l $size /files/.full" in filling
    # then it has its room again after a minute and not before
    kernel.wait(lambda: False, seconds(59))
    assert session.asked == [filling]
    kernel.wait(lambda: len(session.asked) > 1, seconds(2))
    assert session.asked[1:] == ["rm -f /files/.full"]
    (ended,) = timeline.of_kind("FaultEnded")
    assert (ended.subject, ended.details) == ("Fault/FillDisk", {"what": "shared"})
    assert faults.unsupported == {}
    kernel.close()
