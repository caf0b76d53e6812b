"""The public names."""

from __future__ import annotations

from harness.cluster import kubelet
from harness.cluster.kubelet import runtimes


def test_exported_names() -> None:
    assert kubelet.__all__ == ["Kubelets"]
    assert runtimes.__all__ == [
        "CLOCK_DOOR",
        "Checkpoint",
        "FixedProfile",
        "Illness",
        "ModelledRuntime",
        "ProcessRuntime",
        "Profile",
        "Progress",
        "RuntimeSwitch",
        "Work",
        "Workload",
        "clear_leftovers",
    ]
