"""The fault verbs of the `sim` target: those of the modelled AWS, and networks that are cut at the archives' gate, in virtual time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import Knock, seconds
from harness.kube.objects import split_key
from harness.kube.resources import PODS
from harness.targets.base import CutMode, UnsupportedFault
from harness.targets.breaking import CloudFaults
from harness.targets.sim.cuts import Cut
from harness.targets.sim.gate import KernelGate

_TIMEOUT_VARIABLE = "EM_TIMEOUT_S"
_TIMEOUT_S = 60.0  # what the pipeline takes when its environment does not say
_UNSUPPORTED = {
    "FillDisk": "the shared file system is a directory of this machine, which is not filled for a test: "
    "run the scenario on a target with real_containers, and mark it needs('real_containers')"
}


class SimFaults(CloudFaults):
    """Implements `harness.targets.base.FaultSurface`. Belongs to the kernel's thread."""

    def __init__(self, *, gate: KernelGate, **parts: Any) -> None:
        super().__init__(**parts)
        self._gate = gate
        self._cuts: list[Cut] = []

    @property
    def unsupported(self) -> Mapping[str, str]:
        """The verbs that cannot be done here, each with why and what to do instead."""
        return _UNSUPPORTED

    def cut_network(self, pod: str, archives: Sequence[str], *, mode: CutMode, for_s: float) -> None:
        """Let no byte pass between a pod and archives; the pod's own timeout is taken from its environment."""
        begin_us, length_us = self._kernel.now, seconds(for_s)

        def met(knock: Knock) -> None:
            archive, _, target = knock.target.partition(":")
            self._timeline.record("NetworkCut", f"Pod/{pod}", archive=archive, mode=mode, target=target)

        cut = Cut(pod, frozenset(archives), mode, begin_us, begin_us + length_us, self._patience_us(pod), met)
        self._cuts.append(cut)
        self._gate.sever(cut)
        self._end("CutNetwork", cut.words, length_us, lambda: None)

    def fill_disk(self, volume: str, *, leaving_bytes: int, for_s: float) -> None:  # noqa: ARG002 - the Protocol's parameters
        """Refused."""
        raise UnsupportedFault(f"FillDisk: {_UNSUPPORTED['FillDisk']}")

    def unfired_rules(self) -> Sequence[str]:
        """What was asked for and never happened."""
        return [*super().unfired_rules(), *(cut.words for cut in self._cuts if not cut.met)]

    def _patience_us(self, pod: str) -> int:
        """The silence after which the process in the pod takes a connection for lost."""
        found = self.reader.get(PODS, *split_key(pod)) or {}
        for container in (found.get("spec") or {}).get("containers") or ():
            for entry in container.get("env") or ():
                if entry["name"] == _TIMEOUT_VARIABLE and entry.get("value"):
                    return seconds(float(entry["value"]))
        return seconds(_TIMEOUT_S)
