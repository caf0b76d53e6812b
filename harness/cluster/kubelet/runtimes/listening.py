"""Which ports the processes of a container really listen on, read from /proc, so that nobody is led to another pod's port.

All processes share this machine's loopback, so a number alone says nothing: a port counts for a pod when a socket that listens on it is open in one of
the pod's own processes. A port that two pods want is had by the first; the other's process is told EADDRINUSE, as with `hostNetwork`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from harness.cluster.kubelet.runtimes.memory import tree_of
from harness.kube.objects import Object, uid_of

_LISTENS = "0A"
# As /proc/net/tcp* writes them: the loopbacks, and the addresses that stand for every interface.
_ADDRESSES: Mapping[str, str] = {
    "0100007F": "127.0.0.1",
    "00000000": "127.0.0.1",
    "00000000000000000000000001000000": "::1",
    "00000000000000000000000000000000": "::1",
    "0000000000000000FFFF00000100007F": "127.0.0.1",
}


class ProcessPorts:
    """`harness.kube.hooks.PodPorts` of real processes; `living` gives the pids of a pod's containers by its uid."""

    def __init__(self, living: Callable[[str], Iterable[int]]) -> None:
        self._living = living

    def address(self, pod: Object, port: int) -> tuple[str, int] | None:
        """Host and port where a process of the pod serves its port `port`; None when none does."""
        for pid in self._living(uid_of(pod)):
            host = listening(pid).get(port)
            if host is not None:
                return host, port
        return None


def listening(pid: int) -> dict[int, str]:
    """The ports that a process or one of its descendants listens on where loopback reaches it: port to the host to connect to."""
    sockets: set[str] = set()
    for member in tree_of(pid):
        sockets.update(_sockets(member))
    found: dict[int, str] = {}
    for name in ("tcp", "tcp6"):
        for line in _lines(Path(f"/proc/{pid}/net/{name}")):
            local, state, inode = line[1], line[3], line[9]
            address, _, port = local.rpartition(":")
            if state == _LISTENS and inode in sockets and address in _ADDRESSES:
                found.setdefault(int(port, 16), _ADDRESSES[address])
    return found


def _lines(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []  # it has just ended, or this machine has no IPv6


def _sockets(pid: int) -> set[str]:
    """The inodes of a process's open sockets."""
    found: set[str] = set()
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return found  # it has just ended
    for descriptor in descriptors:
        try:
            target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
        except OSError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            found.add(target[len("socket:[") : -1])
    return found
