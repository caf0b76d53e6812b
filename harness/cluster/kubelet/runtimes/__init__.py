"""The runtimes behind `harness.kube.hooks.PodRuntime`: real processes, modelled containers, and the switch between them."""

from harness.cluster.kubelet.runtimes.leftovers import clear_leftovers
from harness.cluster.kubelet.runtimes.modelled import ModelledRuntime
from harness.cluster.kubelet.runtimes.process import CLOCK_DOOR, ProcessRuntime
from harness.cluster.kubelet.runtimes.profiles import Checkpoint, FixedProfile, Illness, Profile, Progress, Work
from harness.cluster.kubelet.runtimes.switch import RuntimeSwitch, Workload

__all__ = [
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
