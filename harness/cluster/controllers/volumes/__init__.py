"""Volumes beyond binding: finalizers that keep what is used (`protection`), volumes made on demand (`provisioner`), claims that grow (`expand`)."""

from harness.cluster.controllers.volumes.expand import ExpandController
from harness.cluster.controllers.volumes.protection import ClaimProtectionController, VolumeProtectionController
from harness.cluster.controllers.volumes.provisioner import ExternalProvisioner

__all__ = ["ClaimProtectionController", "ExpandController", "ExternalProvisioner", "VolumeProtectionController"]
