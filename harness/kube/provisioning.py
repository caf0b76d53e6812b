"""What makes volumes on demand: the seam between a cluster's external provisioner and whoever has storage (the modelled cloud, or a test)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.kube.objects import Object


class ProvisionError(Exception):
    """A volume that cannot be made; the text is what the driver answers, e.g. `rpc error: code = ResourceExhausted desc = ...`.

    `reschedule` asks for another node: the claim forgets the one that was chosen (ResourceExhausted).
    """

    def __init__(self, message: str, *, reschedule: bool = False) -> None:
        super().__init__(message)
        self.reschedule = reschedule


@dataclass(frozen=True)
class ProvisionRequest:
    """What a claim asks for. `node` is the chosen one, None where the class does not wait for a consumer."""

    volume_name: str
    claim: Object
    storage_class: Object
    node: Object | None
    size_bytes: int


@dataclass(frozen=True)
class ProvisionedVolume:
    """What was made: its CSI handle and attributes, and where it can be reached (one mapping of labels an alternative; none: everywhere)."""

    handle: str
    size_bytes: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    topology: Sequence[Mapping[str, str]] = ()
    file_system: str = ""


class VolumeProvisioner(Protocol):
    """A CSI driver's controller. Calls belong to the kernel's thread and return at once."""

    @property
    def driver(self) -> str:
        """The name that a StorageClass gives as its provisioner, e.g. `efs.csi.aws.com`."""

    @property
    def duration_us(self) -> int:
        """How long making a volume takes."""

    def provision(self, request: ProvisionRequest) -> ProvisionedVolume:
        """Make a volume; asked again for the same name, give the same. Raises ProvisionError."""

    def delete(self, handle: str) -> None:
        """Remove a volume; one that is gone already is no error. Raises ProvisionError."""
