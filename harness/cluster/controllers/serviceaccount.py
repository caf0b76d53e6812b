"""The service-account controller: every namespace that lives has an account `default` (`pkg/controller/serviceaccount`, 1.34)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, is_deleting, name_of, namespace_of, new_object
from harness.kube.resources import NAMESPACES, SERVICE_ACCOUNTS

DEFAULT = "default"


class ServiceAccountController:
    """Creates missing default accounts."""

    name = "service-account-controller"

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    def watches(self) -> Sequence[Watch]:
        """Namespaces, and default accounts that are removed."""
        return [Watch(NAMESPACES), Watch(SERVICE_ACCOUNTS, _namespace_of_default)]

    def reconcile(self, key: str) -> int | None:
        """One namespace."""
        namespace = self._reader.get(NAMESPACES, None, key)
        if namespace is None or is_deleting(namespace):
            return None
        if self._reader.get(SERVICE_ACCOUNTS, key, DEFAULT) is None:
            self._writer.create(SERVICE_ACCOUNTS, new_object(SERVICE_ACCOUNTS, DEFAULT, key))
        return None


def _namespace_of_default(account: Object) -> Iterable[str]:
    return (str(namespace_of(account)),) if name_of(account) == DEFAULT else ()
