"""The storage class that the static EFS volume and its claim share. It has no parameters, so a claim without a volume is refused by the driver."""

from __future__ import annotations

from typing import Any

STORAGE_CLASS = "efs"
EFS_DRIVER = "efs.csi.aws.com"


def storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "labels": {"app.kubernetes.io/part-of": "em-pipeline"}},
        "provisioner": EFS_DRIVER,
        "reclaimPolicy": "Retain",
        "volumeBindingMode": "Immediate",
    }
