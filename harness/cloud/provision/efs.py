"""EFS: file systems with lifecycle and policy, mount targets and access points. No byte of a file goes through them:
files are a directory here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.cloud.provision.model import Fields, Made, Physical, Wanted, given, tag_map, tags_of
from harness.cloud.standin import Services


class FileSystem:
    """AWS::EFS::FileSystem."""

    name = "AWS::EFS::FileSystem"
    applied = frozenset(
        {
            "Encrypted",
            "FileSystemPolicy",
            "FileSystemTags",
            "KmsKeyId",
            "LifecyclePolicies",
            "PerformanceMode",
            "ProvisionedThroughputInMibps",
            "ThroughputMode",
            "BackupPolicy",
        }
    )

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateFileSystem, then lifecycle, policy and backup."""
        efs = services.client("efs")
        properties = wanted.properties
        created = efs.create_file_system(
            CreationToken=wanted.physical_name(64),
            Tags=tags_of(wanted, "FileSystemTags"),
            Backup=(properties.get("BackupPolicy") or {}).get("Status") == "ENABLED",
            **given(
                properties, "Encrypted", "KmsKeyId", "PerformanceMode", "ProvisionedThroughputInMibps", "ThroughputMode"
            ),
        )
        file_system = str(created["FileSystemId"])
        if lifecycle := properties.get("LifecyclePolicies"):
            efs.put_lifecycle_configuration(FileSystemId=file_system, LifecyclePolicies=lifecycle)
        if policy := properties.get("FileSystemPolicy"):
            efs.put_file_system_policy(FileSystemId=file_system, Policy=json.dumps(policy))
        return Physical(file_system, {"Arn": created["FileSystemArn"], "FileSystemId": file_system})

    def expected(self, made: Made) -> Fields:
        """What the template leaves out has the API's default (bursting, not encrypted)."""
        properties = made.wanted.properties
        return {
            "Encrypted": bool(properties.get("Encrypted", False)),
            "ThroughputMode": properties.get("ThroughputMode", "bursting"),
            "PerformanceMode": properties.get("PerformanceMode", "generalPurpose"),
            "LifecyclePolicies": list(properties.get("LifecyclePolicies") or ()),
            "FileSystemPolicy": properties.get("FileSystemPolicy"),
            "Tags": tag_map(tags_of(made.wanted, "FileSystemTags")),
        }

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeFileSystems once, then lifecycle and policy."""
        efs = services.client("efs")
        described = {entry["FileSystemId"]: entry for entry in efs.describe_file_systems()["FileSystems"]}
        return {one.physical.ref: self._read(efs, one, described[one.physical.ref]) for one in made}

    def _read(self, efs: Any, made: Made, entry: Mapping[str, Any]) -> Fields:
        file_system = made.physical.ref
        policy = None
        if made.wanted.properties.get("FileSystemPolicy"):
            policy = json.loads(efs.describe_file_system_policy(FileSystemId=file_system)["Policy"])
        lifecycle: list[Any] = []
        if made.wanted.properties.get("LifecyclePolicies"):
            lifecycle = efs.describe_lifecycle_configuration(FileSystemId=file_system)["LifecyclePolicies"]
        return {
            "Encrypted": entry.get("Encrypted", False),
            "ThroughputMode": entry.get("ThroughputMode", "bursting"),
            "PerformanceMode": entry["PerformanceMode"],
            "LifecyclePolicies": lifecycle,
            "FileSystemPolicy": policy,
            "Tags": tag_map(entry.get("Tags")),
        }


class MountTarget:
    """AWS::EFS::MountTarget."""

    name = "AWS::EFS::MountTarget"
    applied = frozenset({"FileSystemId", "SecurityGroups", "SubnetId"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateMountTarget."""
        created = services.client("efs").create_mount_target(
            **given(wanted.properties, "FileSystemId", "SecurityGroups", "SubnetId")
        )
        return Physical(
            str(created["MountTargetId"]), {"IpAddress": created.get("IpAddress"), "Id": created["MountTargetId"]}
        )

    def expected(self, made: Made) -> Fields:
        """Its file system and subnet."""
        return given(made.wanted.properties, "FileSystemId", "SubnetId")

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeMountTargets once a file system."""
        efs = services.client("efs")
        file_systems = dict.fromkeys(str(one.wanted.properties["FileSystemId"]) for one in made)
        return {
            entry["MountTargetId"]: given(entry, "FileSystemId", "SubnetId")
            for file_system in file_systems
            for entry in efs.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
        }


class AccessPoint:
    """AWS::EFS::AccessPoint."""

    name = "AWS::EFS::AccessPoint"
    applied = frozenset({"AccessPointTags", "FileSystemId", "PosixUser", "RootDirectory"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateAccessPoint."""
        created = services.client("efs").create_access_point(
            ClientToken=wanted.physical_name(64),
            FileSystemId=wanted.properties["FileSystemId"],
            Tags=tags_of(wanted, "AccessPointTags"),
            **_posix(wanted.properties),
        )
        access_point = str(created["AccessPointId"])
        return Physical(access_point, {"Arn": created["AccessPointArn"], "AccessPointId": access_point})

    def expected(self, made: Made) -> Fields:
        """File system, user and root."""
        return {"FileSystemId": made.wanted.properties["FileSystemId"], **_posix(made.wanted.properties)}

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeAccessPoints once."""
        described = services.client("efs").describe_access_points()["AccessPoints"]
        wanted = {one.physical.ref: one for one in made}
        return {
            entry["AccessPointId"]: given(
                entry, "FileSystemId", *_posix(wanted[entry["AccessPointId"]].wanted.properties)
            )
            for entry in described
            if entry["AccessPointId"] in wanted
        }


def _posix(properties: Mapping[str, Any]) -> dict[str, Any]:
    """User and root with numbers as the API wants them."""
    result: dict[str, Any] = {}
    if user := properties.get("PosixUser"):
        result["PosixUser"] = {"Uid": int(user["Uid"]), "Gid": int(user["Gid"])}
        if secondary := user.get("SecondaryGids"):
            result["PosixUser"]["SecondaryGids"] = [int(gid) for gid in secondary]
    if root := properties.get("RootDirectory"):
        result["RootDirectory"] = {"Path": root.get("Path", "/")}
        if created := root.get("CreationInfo"):
            result["RootDirectory"]["CreationInfo"] = {
                "OwnerUid": int(created["OwnerUid"]),
                "OwnerGid": int(created["OwnerGid"]),
                "Permissions": str(created["Permissions"]),
            }
    return result
