"""Volumes beyond binding: finalizers that keep what is used (`protection`), and volumes made on demand (`provisioner`)."""

from harness.cluster.controllers.volumes.protection import ClaimProtectionController, VolumeProtectionController
from harness.cluster.controllers.volumes.provisioner import ExternalProvisioner

__all__ = ["ClaimProtectionController", "ExternalProvisioner", "VolumeProtectionController"]
