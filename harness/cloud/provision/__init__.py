"""Creates the template's resources through the services' APIs, in dependency order, reads them back and compares."""

from harness.cloud.provision.model import Difference, Physical, ProvisionFailed, ReadBackDiffers
from harness.cloud.provision.run import Provisioned, Resource, provision

__all__ = ["Difference", "Physical", "ProvisionFailed", "Provisioned", "ReadBackDiffers", "Resource", "provision"]
