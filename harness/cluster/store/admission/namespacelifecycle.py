"""NamespaceLifecycle: nothing begins in a namespace that is not there or goes away, and some namespaces stay."""

from __future__ import annotations

from harness.cluster.store.admission.refusals import forbidden
from harness.kube.client import Reader
from harness.kube.errors import Cause, NotFound
from harness.kube.objects import is_deleting
from harness.kube.resources import NAMESPACES, Resource

_PERMANENT = frozenset({"default", "kube-system", "kube-public"})


def require_namespace(reader: Reader, resource: Resource, namespace: str, name: str) -> None:
    """Raises NotFound, or Forbidden while the namespace goes away."""
    found = reader.get(NAMESPACES, None, namespace)
    if found is None:
        raise NotFound.of(NAMESPACES, namespace)
    if is_deleting(found):
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        cause = Cause("metadata.namespace", "NamespaceTerminating", f"namespace {namespace} is being terminated")
        raise forbidden(resource, name, why, (cause,))


def require_deletable(resource: Resource, name: str) -> None:
    """Raises Forbidden for the namespaces that stay."""
    if resource == NAMESPACES and name in _PERMANENT:
        raise forbidden(resource, name, "this namespace may not be deleted")
