"""ServiceAccount: a pod runs under an account of its namespace, with its image pull secrets and its token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.cluster.store.admission.refusals import Draft, forbidden, name_asked_for
from harness.kube.client import Reader
from harness.kube.objects import Object, freeze
from harness.kube.resources import PODS, SERVICE_ACCOUNTS

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_VOLUME_PREFIX = "kube-api-access-"
_EXPIRATION_S = 3607
_TOKEN: Any = freeze(
    {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _EXPIRATION_S, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [
                        {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
                    ]
                }
            },
        ],
        "defaultMode": 420,
    }
)
"""One frozen value for all pods, so that it costs nothing to store."""


def use_account(reader: Reader, pod: Draft, suffix: Callable[[], str]) -> None:
    """Name the account, take its secrets, mount its token under a drawn name. Raises Forbidden when there is no such account."""
    spec, namespace = pod["spec"], pod["metadata"]["namespace"]
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = reader.get(SERVICE_ACCOUNTS, namespace, name)
    if account is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(PODS, name_asked_for(pod), why)
    if _mounts_token(account, spec):
        _mount_token(spec, suffix)
    if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(secret) for secret in account["imagePullSecrets"]]


def _mounts_token(account: Object, spec: Draft) -> bool:
    """The pod's word, else the account's, else yes."""
    for source in (spec, account):
        if source.get("automountServiceAccountToken") is not None:
            return bool(source["automountServiceAccountToken"])
    return True


def _mount_token(spec: Draft, suffix: Callable[[], str]) -> None:
    volumes = spec.get("volumes") or []
    present = next((v["name"] for v in volumes if str(v.get("name", "")).startswith(TOKEN_VOLUME_PREFIX)), None)
    name = present or f"{TOKEN_VOLUME_PREFIX}{suffix()}"
    needed = False
    for key in ("initContainers", "containers"):
        for container in spec.get(key) or ():
            mounts = container.get("volumeMounts") or []
            if not any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
                container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}]
                needed = True
    if needed and present is None:
        spec["volumes"] = [*volumes, {"name": name, "projected": _TOKEN}]
