"""What a world changes in objects on their way into a real API server, so that the rendered manifests are applied as they are. Pure.

Pods get what a node's agents give on `sim`: the endpoints of the gateway and the archives, and, where their service account has a Pod Identity
association, the credential variables and the projected token. That part follows amazon-eks-pod-identity-webhook (`pkg/handler/handler.go`, 2026):
its names, its label, and that what a container declares itself stays. Not followed: its annotations (containers to skip, expiration) and the jitter
of the expiration. Volumes of the EFS driver become directories of the node, where every node has the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from harness.cloud.agent import TOKEN_FILE
from harness.cloud.estate import Estate
from harness.cloud.file_systems import DRIVER, place_of
from harness.cloud.platform import POD_IDENTITY_ADDON
from harness.kube.objects import Object

Patch = list[dict[str, Any]]
"""A JSON patch (RFC 6902)."""

CREDENTIALS_ADDRESS, METADATA_ADDRESS = "169.254.170.23", "169.254.169.254"
CREDENTIALS_URL = f"http://{CREDENTIALS_ADDRESS}/v1/credentials"
METADATA_URL = f"http://{METADATA_ADDRESS}"
AUDIENCE = "pods.eks.amazonaws.com"
TICKET = "harness.em-pipeline/ticket"
"""The annotation that names a pod's admission: a pod of a Job has no name yet when it is asked about, and its uid comes later still."""

_TOKEN = PurePosixPath(TOKEN_FILE)
_TOKEN_VOLUME = "eks-pod-identity-token"
_TOKEN_LIFETIME_S = 86400
_IDENTITY_LABEL = "eks.amazonaws.com/pod-identity"
_EFS_ADDON = "aws-efs-csi-driver"


@dataclass(frozen=True)
class Review:
    """What an API server asks: may this be created, and how? `uid` is the question's, `object` as it stands so far."""

    uid: str
    resource: str
    namespace: str
    object: Object
    dry_run: bool = False


class AdmissionRefused(Exception):
    """The object may not be created; the message is what its creator reads."""


@dataclass(frozen=True)
class Mutations:
    """A world's admission. `environment` gives what nodes tell a pod's containers; `file_systems` is where a node has the file systems' directories."""

    estate: Estate
    environment: Callable[[Review], Mapping[str, str]]
    file_systems: PurePosixPath

    def pod(self, review: Review) -> Patch:
        """A pod's patch; its annotation `TICKET` is the review's uid."""
        account = str(review.object["spec"].get("serviceAccountName") or "default")
        associated = self.estate.pod_identity(review.namespace, account) is not None
        return mutate_pod(
            review.object,
            env=self.environment(review),
            identity=associated and self.estate.has_addon(POD_IDENTITY_ADDON),
            annotations={TICKET: review.uid},
        )

    def volume(self, review: Review) -> Patch:
        """A PersistentVolume's patch. Without the driver's add-on there is none, and the kubelet says that it knows no such driver."""
        return mutate_volume(review.object, self.file_systems) if self.estate.has_addon(_EFS_ADDON) else []


def agent_environment(region: str, gateway_url: str) -> dict[str, str]:
    """What every container on a node of this world is told of AWS."""
    return {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": gateway_url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": METADATA_URL,
    }


def mutate_pod(
    pod: Object, *, env: Mapping[str, str], identity: bool, annotations: Mapping[str, str] | None = None
) -> Patch:
    """Give all containers of a pod `env`, with `identity` also the way to their role's credentials; a name that a container declares stays its own."""
    metadata, spec = pod["metadata"], pod["spec"]
    given = dict(env)
    if identity:
        given |= {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": CREDENTIALS_URL,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": TOKEN_FILE,
        }
    labels = {_IDENTITY_LABEL: "enabled"} if identity else {}
    changes = {
        "/metadata/labels": (metadata.get("labels"), {**(metadata.get("labels") or {}), **labels}),
        "/metadata/annotations": (
            metadata.get("annotations"),
            {**(metadata.get("annotations") or {}), **(annotations or {})},
        ),
        "/spec/volumes": (spec.get("volumes"), _volumes(spec.get("volumes") or (), identity=identity)),
    }
    for field in ("initContainers", "containers"):
        containers = [_container(one, given, identity=identity) for one in spec.get(field) or ()]
        changes[f"/spec/{field}"] = (spec.get(field), containers)
    return [{"op": "add", "path": path, "value": new} for path, (old, new) in changes.items() if new and new != old]


def mutate_volume(volume: Object, directory: PurePosixPath) -> Patch:
    """Make a static volume of the EFS driver the directory below `directory` that `sim` has for it; it must exist on the node."""
    spec = volume["spec"]
    if (spec.get("csi") or {}).get("driver") != DRIVER:
        return []
    path = directory / place_of(volume).directory
    patch: Patch = [
        {"op": "remove", "path": "/spec/csi"},
        {"op": "add", "path": "/spec/hostPath", "value": {"path": str(path), "type": "Directory"}},
    ]
    if "mountOptions" in spec:  # validation allows none for a host's directory
        patch.append({"op": "remove", "path": "/spec/mountOptions"})
    return patch


def _container(container: Mapping[str, Any], env: Mapping[str, str], *, identity: bool) -> dict[str, Any]:
    changed = dict(container)
    declared = list(container.get("env") or ())
    names = {entry["name"] for entry in declared}
    added = [{"name": name, "value": value} for name, value in env.items() if name not in names]
    if added:
        changed["env"] = declared + added
    mounts = list(container.get("volumeMounts") or ())
    if identity and _TOKEN_VOLUME not in {mount["name"] for mount in mounts}:
        mount = {"name": _TOKEN_VOLUME, "mountPath": str(_TOKEN.parent), "readOnly": True}
        changed["volumeMounts"] = [*mounts, mount]
    return changed


def _volumes(volumes: Sequence[Mapping[str, Any]], *, identity: bool) -> list[Mapping[str, Any]]:
    if not identity or _TOKEN_VOLUME in {volume["name"] for volume in volumes}:
        return list(volumes)
    token = {"audience": AUDIENCE, "expirationSeconds": _TOKEN_LIFETIME_S, "path": _TOKEN.name}
    projected = {"sources": [{"serviceAccountToken": token}]}
    return [{"name": _TOKEN_VOLUME, "projected": projected}, *volumes]
