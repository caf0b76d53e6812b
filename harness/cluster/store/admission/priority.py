"""Priority: a pod's priority is that of its class, and one class at most is the default."""

from __future__ import annotations

from harness.cluster.store.admission.refusals import Draft, forbidden, name_in
from harness.kube.client import Reader
from harness.kube.objects import Object, name_of
from harness.kube.resources import PODS, PRIORITY_CLASSES


def resolve_priority(reader: Reader, pod: Draft) -> None:
    """Set priority and preemption policy. Raises Forbidden for an unknown class, or values that contradict it."""
    spec, name = pod["spec"], pod["spec"].get("priorityClassName")
    if name:
        found = reader.get(PRIORITY_CLASSES, None, name)
        if found is None:
            raise forbidden(PODS, name_in(pod), f"no PriorityClass with name {name} was found")
    else:
        found = _default(reader)
        if found is not None:
            spec["priorityClassName"] = name_of(found)
    priority = 0 if found is None else int(found.get("value", 0))
    if spec.get("priority", priority) != priority:
        why = (
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; priority admission controller "
            f"computed {priority} from the given PriorityClass name"
        )
        raise forbidden(PODS, name_in(pod), why)
    spec["priority"] = priority
    policy = "PreemptLowerPriority" if found is None else found.get("preemptionPolicy", "PreemptLowerPriority")
    if spec.setdefault("preemptionPolicy", policy) != policy:
        why = (
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; priority admission "
            f"controller computed {policy} from the given PriorityClass name"
        )
        raise forbidden(PODS, name_in(pod), why)


def require_one_default(reader: Reader, priority_class: Draft) -> None:
    """Raises Forbidden for a second default."""
    if not priority_class.get("globalDefault"):
        return
    present = _default(reader)
    if present is not None and name_of(present) != name_in(priority_class):
        why = f"PriorityClass {name_of(present)} is already marked as default. Only one default can exist"
        raise forbidden(PRIORITY_CLASSES, name_in(priority_class), why)


def _default(reader: Reader) -> Object | None:
    """Of several defaults the lowest, as upstream has it."""
    defaults = [entry for entry in reader.list(PRIORITY_CLASSES) if entry.get("globalDefault")]
    return min(defaults, key=lambda entry: int(entry.get("value", 0)), default=None)
