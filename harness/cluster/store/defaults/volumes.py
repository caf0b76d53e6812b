"""Defaults of the volume sources of pods and persistent volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.kube.objects import FrozenDict

Draft = dict[str, Any]
_SOURCE_MODES = frozenset({"configMap", "secret", "projected", "downwardAPI"})
_SIMPLE: Mapping[str, Mapping[str, Any]] = {
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
_RARE = frozenset({*_SIMPLE, "ephemeral"})


def default_volume(volume: Draft) -> None:
    """A volume of a pod: an empty directory unless it says something else."""
    if len(volume) <= 1 and "name" in volume:
        volume["emptyDir"] = {}
        return
    for key, source in volume.items():
        if isinstance(source, FrozenDict):
            continue  # the token volume, which admission gives whole
        if key in _SOURCE_MODES:
            source.setdefault("defaultMode", 420)
            for item in source.get("items") or ():
                _field_reference(item)
            if key == "projected":
                _projections(source)
        elif key in _RARE:
            _rare(key, source)


def default_sources(spec: Draft) -> None:
    """The sources that a persistent volume has in common with a pod's volume."""
    for key in _SIMPLE:
        if key in spec:
            _rare(key, spec[key])


def _rare(key: str, source: Draft) -> None:
    for name, value in _SIMPLE.get(key, {}).items():
        source.setdefault(name, value)
    template = source.get("volumeClaimTemplate") if key == "ephemeral" else None
    if template:
        template.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")


def _projections(source: Draft) -> None:
    for part in source.get("sources") or ():
        if "serviceAccountToken" in part:
            part["serviceAccountToken"].setdefault("expirationSeconds", 3600)
        for item in (part.get("downwardAPI") or {}).get("items") or ():
            _field_reference(item)


def _field_reference(item: Draft) -> None:
    if "fieldRef" in item:
        item["fieldRef"].setdefault("apiVersion", "v1")


def dicts(value: Any) -> Iterator[Draft]:
    """The items of a list, as far as they are objects."""
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
