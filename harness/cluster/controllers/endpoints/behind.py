"""What is behind services, looked up so that a change of one pod costs little however many there are.

`Selecting` finds the services of a pod; `Behind` the pods of a service, with what was worked out of each as long as it is the same version of the pod.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.cluster.controllers.endpoints.rules import belongs, changed_at
from harness.kube.client import Change, Reader
from harness.kube.objects import Object, key_of, labels_of, namespace_of
from harness.kube.resources import PODS, SERVICES
from harness.kube.selectors import from_labels

_INDEX = "selector-pair"
_NOTHING: Mapping[str, Any] = {}


class Selecting:
    """The services that select a pod: each is found under one pair of its selector, and a namespace without any is known at once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._in_namespace: Counter[str] = Counter()
        reader.add_index(SERVICES, _INDEX, _first_pair)
        reader.observe(SERVICES, self._count)

    def keys(self, pod: Object) -> Iterable[str]:
        """The keys of the services that select a pod."""
        namespace = str(namespace_of(pod))
        if not self._in_namespace[namespace]:
            return ()
        labels = labels_of(pod)
        return [
            key_of(service)
            for key, value in labels.items()
            for service in self._reader.by_index(SERVICES, _INDEX, f"{namespace}/{key}={value}")
            if all(labels.get(name) == wanted for name, wanted in service["spec"]["selector"].items())
        ]

    def _count(self, change: Change, service: Object, _old: Object | None) -> None:
        if change != "MODIFIED":
            self._in_namespace[str(namespace_of(service))] += 1 if change == "ADDED" else -1


def _first_pair(service: Object) -> Iterable[str]:
    selector: Mapping[str, str] = service["spec"].get("selector") or {}
    pairs = sorted(f"{namespace_of(service)}/{key}={value}" for key, value in selector.items())
    return pairs[:1]


@dataclass(slots=True)
class Member:
    """One version of a pod behind a service. `made` is what its controller made of it, for `made_from`."""

    uid: str
    pod: Object
    stays: bool  # an endpoint
    leaves: bool  # one that is about to go, an endpoint for those who ask for it
    changed_at: str
    made: Any = None
    made_from: tuple[Any, ...] = ()


class Behind:
    """The pods of each service, remembered from look to look."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[str, Mapping[str, Member]] = {}

    def look(self, service: Object) -> Sequence[Member]:
        """The pods that the service selects, by name, with what is known of each."""
        before = self._known.get(key_of(service), _NOTHING)
        now: dict[str, Member] = {}
        for pod in self._reader.list(PODS, namespace_of(service), from_labels(service["spec"]["selector"])):
            uid = pod["metadata"]["uid"]
            member = before.get(uid)
            now[uid] = _member(uid, pod) if member is None or member.pod is not pod else member
        self._known[key_of(service)] = now
        return tuple(now.values())

    def forget(self, key: str) -> None:
        """The service is gone."""
        self._known.pop(key, None)


def _member(uid: str, pod: Object) -> Member:
    stays = belongs(pod, terminating=False)
    return Member(uid, pod, stays, not stays and belongs(pod, terminating=True), changed_at(pod))


class TriggerTimes:
    """Since when the endpoints of a service are out of date (`TriggerTimeTracker`): the earliest change that the last sync did not know."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Mapping[str, str]]] = {}

    def compute(self, service: Object, members: Iterable[Member]) -> str | None:
        """The annotation's value; None when nothing that has a time changed."""
        before = self._known.get(key_of(service))
        made = str(service["metadata"]["creationTimestamp"])
        now = {member.pod["metadata"]["name"]: member.changed_at for member in members}
        self._known[key_of(service)] = (made, now)
        if before is None:
            return max((moment for moment in now.values() if moment), default=made)
        known = before[1]
        changed = [moment for name, moment in now.items() if moment and known.get(name) != moment]
        if made != before[0]:
            changed.append(made)
        return min(changed, default=None)

    def forget(self, key: str) -> None:
        """The service is gone."""
        self._known.pop(key, None)
