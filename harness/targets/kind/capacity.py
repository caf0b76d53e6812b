"""The machine that a kubelet finds: an instance type's processors and memory, whatever this host has.

The kubelet asks cAdvisor, which reads a few files. It takes the memory from /proc/meminfo, and counts processors by the directories cpu<N> of
/sys/devices/system/cpu when /sys/devices/system/node has no node. Both directories hold nothing else here: a topology would make the kubelet write
a cpuset that this host cannot give. Processes in pods see the host; limits and requests count in the node's own figures.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from fixtures.facts import document, node_allocatable


@dataclass(frozen=True)
class Capacity:
    """What a node says it has, and what its kubelet keeps from pods."""

    cpus: int
    memory_mib: int
    pods: int
    reserved_cpu_m: int
    reserved_memory_mib: int
    eviction_memory_mib: int

    @classmethod
    def of(cls, instance_type: str) -> Capacity:
        """As EKS reports a type. Raises fixtures.facts.UnknownFact."""
        node = node_allocatable(instance_type)
        eviction_mib = int(document("eks")["kube_reserved"]["eviction_hard"]["memory.available"].removesuffix("Mi"))
        return cls(
            cpus=node.cpu_capacity_m // 1000,
            memory_mib=node.memory_capacity_mib,
            pods=node.pods,
            reserved_cpu_m=node.cpu_capacity_m - node.cpu_allocatable_m,
            reserved_memory_mib=node.memory_capacity_mib - node.memory_allocatable_mib - eviction_mib,
            eviction_memory_mib=eviction_mib,
        )


def meminfo(capacity: Capacity) -> str:
    """/proc/meminfo of such a machine. cAdvisor wants the swap and the huge pages named, too."""
    total_kib = capacity.memory_mib * 1024
    sizes_kib = {
        "MemTotal": total_kib,
        "MemFree": total_kib // 2,
        "MemAvailable": total_kib * 3 // 4,
        "Buffers": 0,
        "Cached": total_kib // 4,
        "SwapCached": 0,
        "SwapTotal": 0,
        "SwapFree": 0,
    }
    lines = [f"{name + ':':<15} {size:>12} kB" for name, size in sizes_kib.items()]
    return "\n".join(
        [*lines, "HugePages_Total:       0", "HugePages_Free:        0", "Hugepagesize:       2048 kB", ""]
    )


def cpuinfo(capacity: Capacity) -> str:
    """/proc/cpuinfo of such a machine: two threads a core, one socket."""
    cores = max(1, capacity.cpus // 2)
    return "".join(
        f"processor\t: {number}\ncpu MHz\t\t: 2900.000\nphysical id\t: 0\nsiblings\t: {capacity.cpus}\n"
        f"core id\t\t: {number // 2}\ncpu cores\t: {cores}\n\n"
        for number in range(capacity.cpus)
    )


def machine_files(capacity: Capacity) -> dict[str, str | None]:
    """What is mounted over the host's own, by path; None is a directory."""
    return {
        "meminfo": meminfo(capacity),
        "cpuinfo": cpuinfo(capacity),
        "node": None,
        "cpu": None,
        **{f"cpu/cpu{number}": None for number in range(capacity.cpus)},
    }


def archive(files: Mapping[str, str | None]) -> bytes:
    """A tar of text files, scripts (they begin with #!) and directories (None), in the order given."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            if text is None:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
            else:
                data = text.encode()
                entry.size, entry.mode = len(data), 0o755 if text.startswith("#!") else 0o644
                tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()
