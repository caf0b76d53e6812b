"""The volumes of a pod as directories and files of this machine.

Config maps, secrets, projected volumes, the downward API and emptyDir become private directories under the kubelet's
state; a claim leads to its PersistentVolume, which the volume provider turns into a directory. Not modelled: later
changes of a config map or secret, file modes, and `readOnly` (nothing stops a process from writing). A hostPath, or a
kind of volume that is not served here, is refused to a real process, which must not reach this machine; a modelled
container gets an empty directory.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from harness.cluster.kubelet.environment import ConfigError, data_of, expand, field_of, resource_of
from harness.kube.client import Reader
from harness.kube.hooks import MountError, VolumeProvider
from harness.kube.objects import Object, namespace_of, uid_of
from harness.kube.resources import CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, SECRETS


class MountFailed(Exception):
    """A volume that is not there (yet); the text is that of the event FailedMount."""


@dataclass(frozen=True)
class PodView:
    """A pod with what its volumes need to know: its addresses and whether a real process mounts a given volume."""

    pod: Object
    addresses: Mapping[str, str]
    is_real: Callable[[str], bool]  # a volume's name -> whether a container of one of our services mounts it


class Volumes:
    """Makes and removes the directories of pods."""

    def __init__(self, reader: Reader, provider: VolumeProvider, directory: Path) -> None:
        self._reader = reader
        self._provider = provider
        self._directory = directory
        self._made: set[str] = set()  # pods that have a directory

    def set_up(self, view: PodView) -> dict[str, Path]:
        """The directory of each volume, by its name. Raises MountFailed."""
        root = f"{self._directory}/{uid_of(view.pod)}/volumes"
        result: dict[str, Path] = {}
        for volume in view.pod["spec"].get("volumes") or ():
            name = str(volume["name"])
            try:
                result[name] = self._one(view, volume, Path(f"{root}/{name}"))
            except (ConfigError, MountError) as error:
                raise MountFailed(f'MountVolume.SetUp failed for volume "{name}" : {error}') from error
        return result

    def tear_down(self, pod_uid: str) -> None:
        """Remove all that belonged to the pod alone."""
        if pod_uid in self._made:
            self._made.discard(pod_uid)
            shutil.rmtree(self._directory / pod_uid, ignore_errors=True)

    def write_files(self, pod_uid: str, party: str, files: Mapping[str, str]) -> dict[str, Path]:
        """Files that a node's agents give to one container: container path -> file here."""
        result: dict[str, Path] = {}
        if not files:
            return result
        root = self._directory / pod_uid / "provided" / party.rsplit("/", 2)[-2]
        for number, (path, content) in enumerate(sorted(files.items())):
            target = root / str(number) / PurePosixPath(path).name
            self._made.add(pod_uid)
            _write(target, content.encode())
            result[path] = target
        return result

    def _one(self, view: PodView, volume: Mapping[str, Any], directory: Path) -> Path:
        if "persistentVolumeClaim" in volume:
            return self._claimed(view.pod, str(volume["persistentVolumeClaim"]["claimName"]))
        files: dict[str, bytes] = {}
        if "configMap" in volume:
            files = self._items(view.pod, "configmap", volume["configMap"], volume["configMap"].get("name"))
        elif "secret" in volume:
            files = self._items(view.pod, "secret", volume["secret"], volume["secret"].get("secretName"))
        elif "downwardAPI" in volume:
            files = self._downward(view, volume["downwardAPI"])
        elif "projected" in volume:
            if is_token_volume(volume) and not view.is_real(str(volume["name"])):
                return directory  # nobody reads the credentials of a modelled container: nothing is written
            for source in volume["projected"].get("sources") or ():
                files.update(self._projected(view, source))
        elif "emptyDir" not in volume:
            kind = next((key for key in volume if key != "name"), "emptyDir")
            if kind != "emptyDir" and view.is_real(str(volume["name"])):
                raise MountError(_refusal(kind))
        self._made.add(uid_of(view.pod))
        directory.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            _write(directory / path, content)
        return directory

    def _claimed(self, pod: Object, claim_name: str) -> Path:
        claim = self._reader.get(PERSISTENT_VOLUME_CLAIMS, namespace_of(pod), claim_name)
        if claim is None:
            raise MountError(f'persistentvolumeclaim "{claim_name}" not found')
        volume_name = claim["spec"].get("volumeName")
        volume = self._reader.get(PERSISTENT_VOLUMES, None, volume_name) if volume_name else None
        if volume is None or (claim.get("status") or {}).get("phase") != "Bound":
            raise MountError(f'persistentvolumeclaim "{claim_name}" is not bound')
        return self._provider.mount(pod, volume)

    def _items(self, pod: Object, kind: str, source: Mapping[str, Any], name: Any) -> dict[str, bytes]:
        data = self._bytes(pod, kind, str(name), optional=bool(source.get("optional")))
        items = source.get("items")
        if not items:
            return data
        chosen: dict[str, bytes] = {}
        for item in items:
            if item["key"] in data:
                chosen[_inside(item["path"])] = data[item["key"]]
            elif not source.get("optional"):
                title = "configmap" if kind == "configmap" else "secret"
                raise MountError(f"{title} references non-existent {title} key: {item['key']}")
        return chosen

    def _bytes(self, pod: Object, kind: str, name: str, *, optional: bool) -> dict[str, bytes]:
        if kind == "secret":
            found = self._reader.get(SECRETS, namespace_of(pod), name)
            if found is not None:
                return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
        text = data_of(self._reader, pod, kind, name, optional=optional) or {}
        result = {key: value.encode() for key, value in text.items()}
        if kind == "configmap" and (found := self._reader.get(CONFIG_MAPS, namespace_of(pod), name)) is not None:
            result.update({key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()})
        return result

    def _downward(self, view: PodView, source: Mapping[str, Any]) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for item in source.get("items") or ():
            if "fieldRef" in item:
                text = field_of(view.pod, item["fieldRef"]["fieldPath"], view.addresses)
            else:
                text = resource_of(view.pod, {}, item["resourceFieldRef"])
            files[_inside(item["path"])] = text.encode()
        return files

    def _projected(self, view: PodView, source: Mapping[str, Any]) -> dict[str, bytes]:
        if "configMap" in source:
            authority = source["configMap"].get("name") == "kube-root-ca.crt"  # may not be published yet
            optional = {**source["configMap"], "optional": True} if authority else source["configMap"]
            return self._items(view.pod, "configmap", optional, optional.get("name"))
        if "secret" in source:
            return self._items(view.pod, "secret", source["secret"], source["secret"].get("name"))
        if "downwardAPI" in source:
            return self._downward(view, source["downwardAPI"])
        if "serviceAccountToken" in source:
            token = source["serviceAccountToken"]
            account = view.pod["spec"].get("serviceAccountName") or "default"
            text = f"modelled-token:{token.get('audience', '')}:{namespace_of(view.pod)}:{account}"
            return {_inside(token["path"]): text.encode()}
        raise MountError(f"projected source {', '.join(source)} is not served here: remove it from the volume")


def is_token_volume(volume: Mapping[str, Any]) -> bool:
    """Whether admission added this volume for the account's token."""
    return str(volume.get("name", "")).startswith("kube-api-access-")


def mounts_of(
    container: Mapping[str, Any], volumes: Mapping[str, Path], env: Mapping[str, str]
) -> tuple[dict[str, Path], list[str]]:
    """Where each mount path of a container leads, and the errors (a subPath that leaves its volume)."""
    mounts: dict[str, Path] = {}
    errors: list[str] = []
    for mount in container.get("volumeMounts") or ():
        target = volumes[mount["name"]]
        sub_path = mount.get("subPath") or expand(mount.get("subPathExpr") or "", env)
        if sub_path:
            if ".." in PurePosixPath(sub_path).parts or sub_path.startswith("/"):
                errors.append(
                    f'failed to prepare subPath for volumeMount "{mount["name"]}" of container "{container["name"]}"'
                )
                continue
            target = target / sub_path
            if not target.exists():
                target.mkdir(parents=True)
        mounts[str(mount["mountPath"]).rstrip("/") or "/"] = target
    return mounts, errors


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or not parts:
        raise MountError(f"path {path!r} leaves its volume: write a relative path without '..'")
    return path


def _refusal(kind: str) -> str:
    if kind == "hostPath":
        return "hostPath is refused: a rehearsed process must not reach this machine's files, use an emptyDir or a persistentVolumeClaim"
    return f"volumes of kind {kind} are not served here: use an emptyDir, a persistentVolumeClaim, a configMap, a secret or a projected volume"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
