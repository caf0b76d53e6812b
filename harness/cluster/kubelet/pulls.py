"""How long an image pull takes, and what each node has already.

The figures are those of the facts about EKS (`image_pull`): a fixed overhead, the compressed bytes at the download
rate, the unpacked bytes at the unpack rate, and slower on burstable t3 nodes. Pulls run in parallel
(serializeImagePulls is false there) and do not share bandwidth; a second pod that wants an image which is on its way
waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from fixtures.facts import document
from harness.clock import seconds
from harness.kube.hooks import Image
from harness.kube.objects import Object, labels_of

UNPACKED_RATIO = 2.5  # unpacked bytes per compressed byte of a Python image; the facts give both rates but no ratio
_MB = 1_000_000


@dataclass(frozen=True)
class Rates:
    """The figures of a model."""

    overhead_s: float
    download_mb_per_s: float
    unpack_mb_per_s: float
    slow_types: Mapping[str, float]  # prefix of the instance type -> factor of both rates


@dataclass(frozen=True)
class PullModel:
    """What a pull costs. The figures are asked for with the first pull."""

    rates: Callable[[], Rates]

    def duration_us(self, image: Image, node: Object) -> int:
        """How long `node` needs for `image`."""
        kind = labels_of(node).get("node.kubernetes.io/instance-type", "")
        rates = self.rates()
        factor = next((value for prefix, value in rates.slow_types.items() if kind.startswith(prefix)), 1.0)
        compressed_mb = image.size_bytes / _MB
        download_s = compressed_mb / (rates.download_mb_per_s * factor)
        unpack_s = compressed_mb * UNPACKED_RATIO / (rates.unpack_mb_per_s * factor)
        return seconds(rates.overhead_s + download_s + unpack_s)


def pull_model() -> PullModel:
    """The model with the figures of the facts."""
    return PullModel(_rates_of_the_facts)


@cache
def _rates_of_the_facts() -> Rates:
    """Parsing the file takes 30 ms, for which a cluster without nodes need not wait."""
    figures: Mapping[str, Any] = document("eks")["image_pull"]["suggested_model"]
    return Rates(
        overhead_s=float(figures["fixed_overhead_s"]),
        download_mb_per_s=float(figures["compressed_mb_per_s_download"]),
        unpack_mb_per_s=float(figures["unpack_mb_per_s_uncompressed"]),
        slow_types={"t3.": float(figures["t3_medium_factor"])},
    )


def unpacked_bytes(image: Image) -> int:
    """The image's size on a node, as `node.status.images` gives it."""
    return round(image.size_bytes * UNPACKED_RATIO)


@dataclass
class ImageStore:
    """The images of one node: present, or on their way until a moment."""

    present: dict[str, Image] = field(default_factory=dict)
    arriving: dict[str, tuple[int, int]] = field(default_factory=dict)  # reference -> (begun, done)

    def pull(self, image: Image, now_us: int, duration_us: int) -> tuple[int, int]:
        """Begin a pull, or join the one that is under way: when it began and when it is done."""
        return self.arriving.setdefault(image.reference, (now_us, now_us + duration_us))

    def arrived(self, image: Image) -> bool:
        """Note that a pull is done; False when somebody did already."""
        self.arriving.pop(image.reference, None)
        known = image.reference in self.present
        self.present[image.reference] = image
        return not known
