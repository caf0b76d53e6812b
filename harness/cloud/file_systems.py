"""EFS as directories: a file system of the template is a directory here, an access point a directory inside it.

Only the path is modelled: no throughput, latency, credits or replication yet, and POSIX owners are those of whoever
runs the harness.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.kube.hooks import MountError
from harness.kube.objects import Object

DRIVER = "efs.csi.aws.com"
_FILE_SYSTEM, _ACCESS_POINT = "AWS::EFS::FileSystem", "AWS::EFS::AccessPoint"


@dataclass(frozen=True)
class Place:
    """What a static volume of the driver names; `access_point` may be empty."""

    file_system: str
    access_point: str
    path: str

    @property
    def directory(self) -> PurePosixPath:
        """Where that is below the directory of all file systems."""
        return PurePosixPath(self.file_system, self.access_point or "root", self.path.strip("/"))


def place_of(volume: Object) -> Place:
    """Where a PersistentVolume of the driver is, as the driver reads its handle and its mount options."""
    file_system, path, access_point = ([*str(volume["spec"]["csi"]["volumeHandle"]).split(":"), "", ""])[:3]
    for option in volume["spec"].get("mountOptions") or ():
        name, _, value = str(option).partition("=")
        if name == "accesspoint":
            access_point = value
    return Place(file_system, access_point, path)


class FileSystems:
    """A VolumeProvider for static EFS volumes. `add_ons` are the EKS add-ons of the template: without the driver's nothing mounts."""

    def __init__(
        self, directory: Path, file_systems: Collection[str], access_points: Collection[str], add_ons: Collection[str]
    ) -> None:
        self._directory = directory
        self._file_systems = frozenset(file_systems)
        self._access_points = frozenset(access_points)
        self._has_driver = "aws-efs-csi-driver" in add_ons

    def mount(self, pod: Object, volume: Object) -> Path:  # noqa: ARG002 - zones of mount targets come with a later model
        """The directory behind a PersistentVolume. Raises MountError."""
        source = volume["spec"].get("csi") or {}
        driver = source.get("driver")
        if driver != DRIVER or not self._has_driver:
            raise MountError(
                f'MountVolume.MountDevice failed for volume "{volume["metadata"]["name"]}" : kubernetes.io/csi: attacher.MountDevice failed to '
                f"create newCsiDriverClient: driver name {driver} not found in the list of registered CSI drivers"
            )
        place = place_of(volume)
        self._check(place.file_system, self._file_systems, "file system")
        if place.access_point:
            self._check(place.access_point, self._access_points, "access point")
        directory = self._directory / place.directory
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def used_bytes(self) -> int:
        """What the files of all file systems hold."""
        return sum(path.stat().st_size for path in self._directory.rglob("*") if path.is_file())

    @staticmethod
    def _check(name: str, known: Collection[str], what: str) -> None:
        if name not in known:
            raise MountError(
                f'Output: Failed to resolve "{name}": the template has no EFS {what} of that id, known: {sorted(known)}'
            )
