"""The root CA publisher: every namespace that lives has a ConfigMap `kube-root-ca.crt` with the cluster's certificate (`rootcacertpublisher`, 1.34)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, is_deleting, name_of, namespace_of, new_object
from harness.kube.resources import CONFIG_MAPS, NAMESPACES

NAME = "kube-root-ca.crt"
_DESCRIPTION = "kubernetes.io/description"
_TEXT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or "
    "kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)


class RootCaPublisher:
    """Reconciles namespaces."""

    name = "root-ca-certificate-publisher-controller"

    def __init__(self, reader: Reader, writer: Writer, certificate: str) -> None:
        self._reader = reader
        self._writer = writer
        self._data = {"ca.crt": certificate}

    def watches(self) -> Sequence[Watch]:
        """Namespaces, and ConfigMaps of that name."""
        return [Watch(NAMESPACES), Watch(CONFIG_MAPS, _namespace_of_own)]

    def reconcile(self, key: str) -> int | None:
        """One namespace."""
        namespace = self._reader.get(NAMESPACES, None, key)
        if namespace is None or is_deleting(namespace):
            return None
        current = self._reader.get(CONFIG_MAPS, key, NAME)
        if current is None:
            fresh = new_object(CONFIG_MAPS, NAME, key, annotations={_DESCRIPTION: _TEXT}, data=self._data)
            self._writer.create(CONFIG_MAPS, fresh)
        elif (
            current.get("data") != self._data
            or (current["metadata"].get("annotations") or {}).get(_DESCRIPTION) != _TEXT
        ):
            annotations = {**(current["metadata"].get("annotations") or {}), _DESCRIPTION: _TEXT}
            metadata = {**current["metadata"], "annotations": annotations}
            self._writer.replace(CONFIG_MAPS, {**current, "metadata": metadata, "data": self._data})
        return None


def _namespace_of_own(obj: Object) -> Iterable[str]:
    return (str(namespace_of(obj)),) if name_of(obj) == NAME else ()
