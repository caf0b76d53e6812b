"""The files of a machine: what cAdvisor makes of them is an instance type's capacity."""

from __future__ import annotations

import io
import re
import tarfile

import pytest

from fixtures.facts import UnknownFact, node_allocatable
from harness.targets.kind.capacity import Capacity, archive, machine_files, meminfo


@pytest.mark.parametrize("instance_type", ["t3.medium", "m5.large", "r6i.2xlarge", "c6i.4xlarge"])
def test_what_is_reserved_and_what_is_left_make_the_whole(instance_type: str) -> None:
    capacity, node = Capacity.of(instance_type), node_allocatable(instance_type)
    assert capacity.cpus * 1000 - capacity.reserved_cpu_m == node.cpu_allocatable_m
    kept_mib = capacity.reserved_memory_mib + capacity.eviction_memory_mib
    assert capacity.memory_mib - kept_mib == node.memory_allocatable_mib
    assert capacity.pods == node.pods


def test_an_r6i_2xlarge_is_as_it_was_measured() -> None:
    assert Capacity.of("r6i.2xlarge") == Capacity(
        cpus=8, memory_mib=63438, pods=58, reserved_cpu_m=90, reserved_memory_mib=893, eviction_memory_mib=100
    )


def test_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(UnknownFact, match=r"r6i\.3xlarge"):
        Capacity.of("r6i.3xlarge")


def test_processors_are_directories_and_the_memory_is_a_line() -> None:
    files = machine_files(Capacity.of("r6i.2xlarge"))
    # given cAdvisor's way to count: directories cpu<N>, where there is no node
    assert len([path for path in files if re.fullmatch(r"cpu/cpu\d+", path)]) == 8
    assert [path for path in files if path.startswith("node")] == ["node"]
    # a topology would make the kubelet ask for processors that the host lacks
    assert all(text is None for path, text in files.items() if path.startswith(("cpu/", "node")))
    assert re.search(r"(?m)^MemTotal:\s*64960512 kB$", meminfo(Capacity.of("r6i.2xlarge")))
    assert str(files["cpuinfo"]).count("processor\t:") == 8


def test_an_archive_holds_directories_texts_and_scripts() -> None:
    packed = archive({"bin": None, "bin/run": "#!/bin/sh\n", "note": "ä\n"})
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert [(entry.name, oct(entry.mode)) for entry in tar] == [
            ("bin", "0o755"),
            ("bin/run", "0o755"),
            ("note", "0o644"),
        ]
        note = tar.extractfile("note")
        assert note is not None
        assert note.read().decode() == "ä\n"
