"""Secrets of type kubernetes.io/service-account-token: filled with a token that does not end, the cluster's certificate and the namespace.

Follows kubernetes 1.34 `pkg/controller/serviceaccount/tokens_controller.go`. A Secret whose account does not exist (or is another one of that name) is
deleted; a Secret that is gone is taken out of its account's list. Not modelled: the labels that say when such a token was last used or became invalid.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import NotFound
from harness.kube.objects import Object, is_deleting, name_of, namespace_of, uid_of
from harness.kube.resources import SECRETS, SERVICE_ACCOUNTS

TYPE = "kubernetes.io/service-account-token"
ACCOUNT = "kubernetes.io/service-account.name"
ACCOUNT_UID = "kubernetes.io/service-account.uid"
Sign = Callable[[str, str, str, str], str]
"""A token for: the namespace, the account's name and uid, the Secret's name."""
_INDEX = "token-of"


class TokensController:
    """Reconciles Secrets; a key is `<namespace>/<secret>/<account>`."""

    name = "serviceaccount-token-controller"

    def __init__(self, reader: Reader, writer: Writer, sign: Sign, certificate: str) -> None:
        self._reader = reader
        self._writer = writer
        self._sign = sign
        self._certificate = _encoded(certificate)
        reader.add_index(SECRETS, _INDEX, _accounts_of)

    def watches(self) -> Sequence[Watch]:
        """Secrets of that type, and the accounts that they name."""
        return [Watch(SECRETS, _keys_of), Watch(SERVICE_ACCOUNTS, self._keys_of_account)]

    def reconcile(self, key: str) -> int | None:
        """One Secret."""
        namespace, name, account_name = key.split("/")
        secret = self._reader.get(SECRETS, namespace, name)
        account = self._reader.get(SERVICE_ACCOUNTS, namespace, account_name)
        if secret is None:
            if account is not None:
                self._forget(account, name)
            return None
        if not any(True for _ in _keys_of(secret)):
            return None  # it has another type by now
        wanted = (secret["metadata"].get("annotations") or {}).get(ACCOUNT_UID)
        if account is None or (wanted and wanted != uid_of(account)):
            self._delete(secret)
        else:
            self._fill(secret, account)
        return None

    def _fill(self, secret: Object, account: Object) -> None:
        data = dict(secret.get("data") or {})
        added: dict[str, Any] = {}
        if data.get("ca.crt") != self._certificate:
            added["ca.crt"] = self._certificate
        if not data.get("namespace"):
            added["namespace"] = _encoded(str(namespace_of(secret)))
        if not data.get("token"):
            token = self._sign(str(namespace_of(secret)), name_of(account), uid_of(account), name_of(secret))
            added["token"] = _encoded(token)
        if not added:
            return
        annotations = {
            **(secret["metadata"].get("annotations") or {}),
            ACCOUNT: name_of(account),
            ACCOUNT_UID: uid_of(account),
        }
        metadata = {**secret["metadata"], "annotations": annotations}
        self._writer.replace(SECRETS, {**secret, "metadata": metadata, "data": {**data, **added}})

    def _delete(self, secret: Object) -> None:
        if is_deleting(secret):
            return
        try:
            self._writer.delete(SECRETS, namespace_of(secret), name_of(secret), uid=uid_of(secret))
        except NotFound:
            return

    def _forget(self, account: Object, secret: str) -> None:
        references = account.get("secrets") or ()
        kept = [entry for entry in references if entry.get("name") != secret]
        if len(kept) < len(references):
            self._writer.replace(SERVICE_ACCOUNTS, {**account, "secrets": kept})

    def _keys_of_account(self, account: Object) -> Iterable[str]:
        found = self._reader.by_index(SECRETS, _INDEX, f"{namespace_of(account)}/{name_of(account)}")
        return [key for secret in found for key in _keys_of(secret)]


def _keys_of(secret: Object) -> Iterable[str]:
    return [f"{namespace_of(secret)}/{name_of(secret)}/{place.partition('/')[2]}" for place in _accounts_of(secret)]


def _accounts_of(secret: Object) -> Sequence[str]:
    """Namespace and name of the account whose token a Secret holds; nothing for all other Secrets."""
    account = (secret["metadata"].get("annotations") or {}).get(ACCOUNT)
    return (f"{namespace_of(secret)}/{account}",) if secret.get("type") == TYPE and account else ()


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
