"""The shared directory: a volume that names the EFS file system, and the claim that every pod mounts.

The volume is static: there is one directory for the whole pipeline and it outlives the cluster. It is mounted through an access point, because
the root of a new file system belongs to root and the pods do not run as root. The capacity is what Kubernetes wants to read, EFS has no size.
"""

from __future__ import annotations

from typing import Any

from infra.outputs import Output
from infra.platform.storage_class import EFS_DRIVER, STORAGE_CLASS
from infra.workloads.pod import NAMESPACE, PART_OF, SHARED_CLAIM

_CAPACITY = "100Gi"


def objects() -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": SHARED_CLAIM, "labels": dict(PART_OF)},
            "spec": {
                "capacity": {"storage": _CAPACITY},
                "volumeMode": "Filesystem",
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": STORAGE_CLASS,
                "mountOptions": [f"accesspoint={Output.ACCESS_POINT_ID.placeholder}"],
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "name": SHARED_CLAIM,
                    "namespace": NAMESPACE,
                },
                "csi": {"driver": EFS_DRIVER, "volumeHandle": Output.FILE_SYSTEM_ID.placeholder},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": SHARED_CLAIM, "namespace": NAMESPACE, "labels": dict(PART_OF)},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": STORAGE_CLASS,
                "volumeName": SHARED_CLAIM,
                "resources": {"requests": {"storage": _CAPACITY}},
            },
        },
    ]
