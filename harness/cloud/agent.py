"""The node's agents for a pod: gateway, Pod Identity credentials and instance metadata, as environment and files of its
containers.

On EKS a webhook writes the credential variables into the pod's spec at admission. Here they are given when a
container starts, because the URL of a loopback listener is no part of an object that is compared from run to run; the
rule is the webhook's: only pods whose service account has an association, and only if the add-on is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from harness.cloud.estate import Estate
from harness.cloud.identity import Identity
from harness.cloud.instances import Instance, Instances, InstanceState
from harness.cloud.metadata import Metadata
from harness.cloud.platform import POD_IDENTITY_ADDON
from harness.kube.hooks import Provision
from harness.kube.objects import Object, namespace_of

TOKEN_FILE = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token"


class ExtraProvider(Protocol):
    """Gives a container more than AWS does: the endpoints of the archives."""

    def environment_for(self, party: str) -> Mapping[str, str]:
        """Variables for a container that starts."""

    def release(self, party: str) -> None:
        """The container has ended."""


class CloudNodeAgent:
    """Implements `harness.kube.hooks.NodeAgent`. Belongs to the kernel's thread."""

    def __init__(
        self,
        *,
        estate: Estate,
        identity: Identity,
        instances: Instances,
        metadata: Metadata,
        gateway_url: str,
        credentials_url: str,
        extras: Sequence[ExtraProvider] = (),
    ) -> None:
        self._estate = estate
        self._identity = identity
        self._instances = instances
        self._metadata = metadata
        self._gateway_url = gateway_url
        self._credentials_url = credentials_url
        self._extras = tuple(extras)
        instances.observe(self._instance_changed)

    def provide(self, pod: Object, container: str, party: str) -> Provision:  # noqa: ARG002 - all containers of a pod get the same
        """Environment and token file of one container start."""
        env = {
            "AWS_REGION": self._estate.region,
            "AWS_DEFAULT_REGION": self._estate.region,
            "AWS_ENDPOINT_URL": self._gateway_url,
        }
        files: dict[str, str] = {}
        node = str(pod["spec"].get("nodeName") or "")
        instance = self._instances.by_node(node)
        if instance is not None:
            env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = self._metadata.url_for(instance)
        account = str(pod["spec"].get("serviceAccountName") or "default")
        association = self._estate.pod_identity(str(namespace_of(pod)), account)
        if association is not None and self._estate.has_addon(POD_IDENTITY_ADDON):
            session = self._identity.open(party, pod, association)
            env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = self._credentials_url
            env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = TOKEN_FILE
            files[TOKEN_FILE] = session.bearer
        for extra in self._extras:
            env.update(extra.environment_for(party))
        return Provision(env, files)

    def withdraw(self, party: str) -> None:
        """Forget the credentials and close what was opened for the container."""
        self._identity.close_session(party)
        for extra in self._extras:
            extra.release(party)

    def _instance_changed(self, instance: Instance) -> None:
        if instance.state is InstanceState.TERMINATED:
            self._metadata.forget(instance.id)
