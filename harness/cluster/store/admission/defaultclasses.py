"""DefaultStorageClass and DefaultIngressClass: the newest of the classes that an annotation marks as default."""

from __future__ import annotations

from harness.cluster.store.admission.refusals import Draft
from harness.kube.client import Reader
from harness.kube.objects import Object, name_of
from harness.kube.resources import INGRESS_CLASSES, STORAGE_CLASSES, Resource

_STORAGE = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_INGRESS = ("ingressclass.kubernetes.io/is-default-class",)
_CLAIM_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_INGRESS_ANNOTATION = "kubernetes.io/ingress.class"


def default_storage_class(reader: Reader, claim: Draft) -> None:
    """A claim that names no class (an empty name is one) gets the default."""
    if claim["spec"].get("storageClassName") is not None or _CLAIM_ANNOTATION in _annotations(claim):
        return
    found = _newest_default(reader, STORAGE_CLASSES, _STORAGE)
    if found is not None:
        claim["spec"]["storageClassName"] = name_of(found)


def default_ingress_class(reader: Reader, ingress: Draft) -> None:
    """An ingress that names no class gets the default."""
    if ingress["spec"].get("ingressClassName") is not None or _INGRESS_ANNOTATION in _annotations(ingress):
        return
    found = _newest_default(reader, INGRESS_CLASSES, _INGRESS)
    if found is not None:
        ingress["spec"]["ingressClassName"] = name_of(found)


def _annotations(obj: Draft) -> Draft:
    annotations: Draft = obj["metadata"].get("annotations") or {}
    return annotations


def _newest_default(reader: Reader, resource: Resource, marks: tuple[str, ...]) -> Object | None:
    defaults = [
        entry
        for entry in reader.list(resource)
        if any((entry["metadata"].get("annotations") or {}).get(mark) == "true" for mark in marks)
    ]
    newest = max((str(entry["metadata"]["creationTimestamp"]) for entry in defaults), default="")
    latest = [entry for entry in defaults if entry["metadata"]["creationTimestamp"] == newest]
    return min(latest, key=name_of, default=None)
