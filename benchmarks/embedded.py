"""A bare embedded cluster as a process: store, controllers, scheduler and HTTP face at the wall's pace, no node, no cloud.

`python -m benchmarks.embedded DIRECTORY` prints the path of its kubeconfig and serves until its stdin ends.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NoReturn

from harness.clock import SECOND, Kernel, Seeds, Timeline
from harness.cluster.cluster import EmbeddedCluster
from harness.cluster.kubelet.runtimes import ModelledRuntime
from harness.cluster.kubelet.runtimes.profiles import Profile
from harness.kube.hooks import Hooks, Image, MountError, Provision
from harness.kube.objects import Object


class Outside:
    """What a cluster asks of the outside: every image is a foreign one, there are no volumes, nothing is added to a container."""

    def resolve(self, reference: str) -> Image:
        """A foreign image."""
        return Image(reference, service=None)

    def mount(self, pod: Object, volume: Object) -> NoReturn:
        """There are none."""
        raise MountError(f"no volumes here: {volume['metadata']['name']} of {pod['metadata']['name']}")

    def provide(self, pod: Object, container: str, party: str) -> Provision:  # noqa: ARG002 - NodeAgent's
        """Nothing."""
        return Provision()

    def withdraw(self, party: str) -> None:
        """There is nothing to take back."""


def open_cluster(
    directory: Path, *, pace: float | None = 1.0, profile: Profile | None = None
) -> tuple[Kernel, EmbeddedCluster]:
    """A cluster that acts; its kernel has been started. Containers do what the profile says; without one they run until they are stopped."""
    start_us = round(time.time() * SECOND)
    kernel, seeds = Kernel(start_us, pace=pace), Seeds(7)
    timeline = Timeline(lambda: kernel.now)
    outside = Outside()
    runtime = ModelledRuntime(kernel, timeline, lambda _start: profile)
    cluster = EmbeddedCluster(kernel, seeds, timeline, directory, version="v1.34.0")
    kernel.start()
    kernel.call(lambda: cluster.start(Hooks(images=outside, runtime=runtime, agent=outside, volumes=outside)))
    return kernel, cluster


def main() -> None:
    """Serve until stdin ends."""
    directory = Path(sys.argv[1])
    kernel, cluster = open_cluster(directory)
    print(cluster.serve().kubeconfig(directory / "kubeconfig"), flush=True)
    sys.stdin.read()
    cluster.close()
    kernel.close()


if __name__ == "__main__":
    main()
