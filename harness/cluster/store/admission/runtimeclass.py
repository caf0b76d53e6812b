"""RuntimeClass: a pod takes overhead, node selector and tolerations of its runtime class."""

from __future__ import annotations

from harness.cluster.store.admission.refusals import Draft, forbidden, name_in
from harness.kube.client import Reader
from harness.kube.objects import Object, thaw
from harness.kube.resources import PODS, RUNTIME_CLASSES

_MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"


def use_runtime_class(reader: Reader, pod: Draft) -> None:
    """Raises Forbidden for an unknown class or contradictions."""
    spec, found = pod["spec"], _class_of(reader, pod)
    if found is None:
        return
    overhead = (found.get("overhead") or {}).get("podFixed")
    if overhead is not None:
        if spec.get("overhead") and spec["overhead"] != overhead:
            raise forbidden(PODS, name_in(pod), _MISMATCH)
        spec["overhead"] = thaw(overhead)
    scheduling = found.get("scheduling") or {}
    selector = dict(spec.get("nodeSelector") or {})
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            why = f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {selector[key]}"
            raise forbidden(PODS, name_in(pod), why)
        selector[key] = value
    if selector:
        spec["nodeSelector"] = selector
    for toleration in scheduling.get("tolerations") or ():
        if toleration not in (spec.get("tolerations") or ()):
            spec.setdefault("tolerations", []).append(dict(toleration))


def check_overhead(reader: Reader, pod: Draft) -> None:
    """Raises Forbidden for an overhead that no runtime class defines."""
    overhead = pod["spec"].get("overhead")
    if not overhead and not pod["spec"].get("runtimeClassName"):
        return
    found = _class_of(reader, pod)
    wanted = None if found is None else (found.get("overhead") or {}).get("podFixed")
    if wanted is None and overhead:
        why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
        raise forbidden(PODS, name_in(pod), why)
    if wanted is not None and wanted != overhead:
        raise forbidden(PODS, name_in(pod), _MISMATCH)


def _class_of(reader: Reader, pod: Draft) -> Object | None:
    name = pod["spec"].get("runtimeClassName")
    if not name:
        return None
    found = reader.get(RUNTIME_CLASSES, None, name)
    if found is None:
        raise forbidden(PODS, name_in(pod), f'pod rejected: RuntimeClass "{name}" not found')
    return found
