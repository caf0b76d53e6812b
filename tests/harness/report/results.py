"""One small Result with a value in every field."""

from __future__ import annotations

from harness.report import Cost, CostLine, Dataset, Interruption, Result, RoadmapItem, Task

BEGUN, ENDED = "2026-12-05T07:01:00Z", "2026-12-05T07:21:11Z"

RESULT = Result(
    passed=False,
    problems=("s3://bucket/idr level 0: voxel (z, y, x) = (0, 0, 1) is 7, the source has <9>",),
    environment="dev",
    target="sim",
    workload="real",
    seed=7,
    scale=1 / 1024,
    repeatable=False,
    not_repeatable_because=("ns/p/main/0 had two transfers open at once",),
    virtual_seconds=3725.0,
    wall_seconds=12.34,
    tasks=(
        Task("flyem", "Succeeded", "ip-10-0-1-2", "small-loaders", "SPOT", BEGUN, ENDED, 2),
        Task("consolidate", "Pending", None, None, None, None, None, 0),
    ),
    interruptions=(Interruption(BEGUN, "i-0123456789abcdef0", "ip-10-0-1-2", "small-loaders", 120, ("flyem",), 41.25),),
    datasets=(
        Dataset("idr", "s3://bucket/idr/1/0123456789ab.ome.zarr", "ab" * 32, (10, 20, 30), "uint16", 3, False),
        Dataset("flyem", "s3://bucket/flyem/1/0123456789ab.ome.zarr", "cd" * 32, (40, 50, 60), "uint8", 2, True),
    ),
    cost=Cost(
        0.1234,
        (
            CostLine("t3.medium SPOT us-east-1a", 0.0234, 3600.0, "seconds", "2026-07-20"),
            CostLine("EKS control plane", 0.1, 1.0, "hours", "2026-07-20"),
        ),
    ),
    coverage={
        "counts": {"provisioned": 1, "not covered": 1},
        "resources": [
            {"stack": "storage", "logical_id": "Data", "type": "AWS::S3::Bucket", "class": "provisioned"},
            {"stack": "network", "logical_id": "Gate", "type": "AWS::EC2::NatGateway", "class": "not covered"},
        ],
    },
    roadmap=(
        RoadmapItem("Phase 1: Foundation", "Create ECR repositories", "passed", "every image is there"),
        RoadmapItem("Phase 1: Foundation", "Set up S3 integration", "failed", "a voxel differs"),
        RoadmapItem("Phase 4: Production Readiness", "Security hardening", "not rehearsed", "not enforced yet"),
    ),
)
