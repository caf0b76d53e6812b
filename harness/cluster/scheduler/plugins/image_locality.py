"""ImageLocality: prefers nodes that hold the pod's images already, the more the larger they are and the more common they are in the cluster.

Follows `imagelocality/image_locality.go` (1.34): each image counts size * (nodes that have it / nodes), the sum is clamped to 23 MiB .. 1,000 MiB a
container. Where nodes report different sizes of one image, each counts its own.
"""

from __future__ import annotations

from harness.cluster.scheduler.arrays import np
from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import MAX_NODE_SCORE, Rater, Whole, WideScore
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


class _Images(Rater):
    """The points of every node; they change only when images or the number of nodes do."""

    def __init__(self, pod: PodInfo, cluster: Cluster) -> None:
        self._images = tuple(normalised_name(image) for image in pod.images)
        self._cluster = cluster
        self._generation = -1
        self._points: Whole = np.zeros(0, dtype=np.int64)

    def put(self, slot: int, node: NodeInfo | None) -> None:
        """What matters of a node moves the cluster's images_generation."""

    def rate(self, slots: Whole) -> Whole | None:
        """Points for each; a node without any of the images has none."""
        cluster = self._cluster
        if self._generation != cluster.images_generation:
            self._generation = cluster.images_generation
            nodes = cluster.nodes()
            having = {image: cluster.images_having(image) for image in self._images}
            self._points = np.zeros(len(cluster.generations), dtype=np.int64)
            for node in nodes if any(having.values()) else ():
                summed = sum(
                    int(float(node.image_sizes[image]) * (having[image] / len(nodes)))
                    for image in self._images
                    if image in node.image_sizes
                )
                self._points[node.slot] = priority(summed, len(self._images))
        return self._points[slots]


class ImageLocality(WideScore):
    """Score."""

    name = "ImageLocality"

    def rater(self, pod: PodInfo, cluster: Cluster) -> Rater | None:
        """Never skipped."""
        return _Images(pod, cluster)

    def normalise(self, points: Whole) -> Whole:
        """Already 0..100."""
        return points
