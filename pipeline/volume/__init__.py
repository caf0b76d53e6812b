"""From a source to an OME-Zarr 0.5 data set: the plan of regions, the pyramid, the shards, the commit.

`geometry` and `order` and `budget` plan; `mean`, `shard` and `metadata` are pure functions of voxels and numbers;
`dataset` knows what is in the store; `ingest` drives all of them.
"""

from pipeline.volume.dataset import Dataset, version12
from pipeline.volume.ingest import Outcome, ingest

__all__ = ["Dataset", "Outcome", "ingest", "version12"]
