"""ImageLocality: prefers nodes that hold the pod's images already, the more the larger they are and the more common they are in the cluster.

Follows `imagelocality/image_locality.go` (1.34): each image counts size * (nodes that have it / nodes), the sum is clamped to 23 MiB .. 1,000 MiB a container.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import MAX_NODE_SCORE, Points, Score
from harness.cluster.scheduler.podinfo import PodInfo

_MIB = 1024 * 1024
THRESHOLD_MIN_BYTES = 23 * _MIB
THRESHOLD_MAX_BYTES = 1000 * _MIB


def normalised_name(image: str) -> str:
    """An image without a tag means `latest`."""
    return image if ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"


def priority(summed_bytes: int, containers: int) -> int:
    """The score of so many bytes present."""
    highest = THRESHOLD_MAX_BYTES * containers
    clamped = min(max(summed_bytes, THRESHOLD_MIN_BYTES), highest)
    return MAX_NODE_SCORE * (clamped - THRESHOLD_MIN_BYTES) // (highest - THRESHOLD_MIN_BYTES)


class ImageLocality(Score):
    """Score."""

    name = "ImageLocality"
    local = False

    def rate(self, pod: PodInfo, cluster: Cluster, _feasible: Sequence[NodeInfo]) -> Points | None:
        """Skipped while no node reports images."""
        if not cluster.images_known:
            return None
        containers = [*(pod.spec.get("initContainers") or ()), *(pod.spec.get("containers") or ())]
        images = [normalised_name(str(container.get("image") or "")) for container in containers]
        nodes = cluster.nodes()
        having = {image: sum(image in node.image_sizes for node in nodes) for image in images}

        def points(node: NodeInfo) -> int:
            summed = sum(
                int(node.image_sizes[image] * (having[image] / len(nodes)))
                for image in images
                if image in node.image_sizes
            )
            return priority(summed, len(images))

        return points

    def normalise(self, points: Sequence[int]) -> Sequence[int]:
        """Already 0..100."""
        return points
