"""The fault verbs of the `kind` target: those of the modelled AWS, which end real nodes, packets that are dropped on a pod's node,
and a volume that is filled."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fixtures.archives import VARIABLES
from harness.clock import seconds
from harness.kube.objects import split_key
from harness.kube.resources import PODS
from harness.targets.base import CutMode
from harness.targets.breaking import CloudFaults
from harness.targets.kind.containers import FILES
from harness.targets.kind.engine import EngineError
from harness.targets.kind.session import KindSession

_JUMPS: Mapping[CutMode, str] = {"drop": "DROP", "reset": "REJECT --reject-with tcp-reset"}
_COUNTED = re.compile(r"^\s*(\d+)\s+\d+\s+(?:DROP|REJECT)", re.MULTILINE)
_FILL = f"{FILES}/.full"  # beside the worlds' directories, so that no pod sees it


@dataclass
class _Cut:
    words: str
    node: str
    chain: str
    rule: str
    packets: int = 0


class KindFaults(CloudFaults):
    """Implements `harness.targets.base.FaultSurface`. `environment` is what pods are told: where the archives are. Belongs to the kernel's thread."""

    def __init__(self, *, session: KindSession, environment: Mapping[str, str], **parts: Any) -> None:
        super().__init__(**parts)
        self._session = session
        self._environment = environment
        self._cuts: list[_Cut] = []

    @property
    def unsupported(self) -> Mapping[str, str]:
        """The verbs that cannot be done here, each with why and what to do instead."""
        return {}

    def cut_network(self, pod: str, archives: Sequence[str], *, mode: CutMode, for_s: float) -> None:
        """Let no packet pass between a pod and archives, by rules of its node. Raises LookupError when the pod has no address yet."""
        found = self.reader.get(PODS, *split_key(pod)) or {}
        address = (found.get("status") or {}).get("podIP")
        if not address:
            raise LookupError(f"pod {pod} has no address: let it run before its network is cut")
        ports = ",".join(sorted({str(self._port(archive)) for archive in archives}))
        gateway = self._session.gateway_address
        chain = f"CUT-{len(self._cuts)}"
        rule = f"FORWARD -s {address} -d {gateway} -p tcp -m multiport --dports {ports} -j {chain}"
        cut = _Cut(f"CutNetwork {pod} {' '.join(archives)} {mode}", str(found["spec"]["nodeName"]), chain, rule)
        self._run(cut, f"iptables -N {chain} && iptables -A {chain} -p tcp -j {_JUMPS[mode]} && iptables -I {rule}")
        self._cuts.append(cut)
        self._end("CutNetwork", cut.words, seconds(for_s), lambda: self._heal(cut))

    def fill_disk(self, volume: str, *, leaving_bytes: int, for_s: float) -> None:
        """Let the volume of the file systems be full but for some bytes."""
        room = f"$(df --output=avail -B1 {FILES} | tail -n 1)"
        self._session.run(
            ["sh", "-ceu", f"size=$(({room} - {leaving_bytes})); [ $size -le 0 ] || fallocate -l $size {_FILL}"]
        )
        self._end("FillDisk", volume, seconds(for_s), self.free_disk)

    def free_disk(self) -> None:
        """Give the volume its room again; harmless when it has it."""
        self._session.run(["rm", "-f", _FILL])

    def unfired_rules(self) -> Sequence[str]:
        """What was asked for and never happened."""
        for cut in self._cuts:
            self._count(cut)
        return [*super().unfired_rules(), *(cut.words for cut in self._cuts if not cut.packets)]

    def _port(self, archive: str) -> int:
        url = self._environment[{**VARIABLES}[archive]]  # type: ignore[index]  # names come as plain text
        port = urlsplit(url).port
        if port is None:
            raise LookupError(f"archive {archive} has no port in {url}")
        return port

    def _heal(self, cut: _Cut) -> None:
        self._count(cut)
        self._run(cut, f"iptables -D {cut.rule}")

    def _count(self, cut: _Cut) -> None:
        match = _COUNTED.search(self._run(cut, f"iptables -nvxL {cut.chain}"))
        cut.packets = max(cut.packets, int(match.group(1)) if match else 0)

    def _run(self, cut: _Cut, script: str) -> str:
        """A node that is gone has no rules either."""
        try:
            return self._session.nodes.run(cut.node, ["sh", "-c", script])
        except LookupError:
            return ""
        except EngineError as error:
            if "is not running" in str(error):
                return ""
            raise
