"""The runtimes behind `harness.kube.hooks.PodRuntime`: real processes, modelled containers, and the switch between them."""

from harness.cluster.kubelet.runtimes.modelled import ModelledRuntime
from harness.cluster.kubelet.runtimes.profiles import Checkpoint, FixedProfile, Profile, Progress, Work
from harness.cluster.kubelet.runtimes.switch import RuntimeSwitch, Workload

__all__ = [
    "Checkpoint",
    "FixedProfile",
    "ModelledRuntime",
    "Profile",
    "Progress",
    "RuntimeSwitch",
    "Work",
    "Workload",
]
