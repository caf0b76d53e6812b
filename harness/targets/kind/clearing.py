"""What a world leaves of itself on a session's cluster: nothing. Objects go by the manifests that made them, nodes with all that ran on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from harness.kube.errors import NotFound, Transient
from harness.kube.remote import RemoteWriter, Transport
from harness.kube.remote.paths import path_of
from harness.kube.resources import BUILT_IN, CUSTOM_RESOURCE_DEFINITIONS, EVENTS, NAMESPACES, NODES, PODS, Resource
from harness.targets.kind.session import KindSession
from harness.targets.project import Project

_GROUPS = ("workloads", "platform")
_RESOURCES = {(resource.api_version, resource.kind): resource for resource in BUILT_IN}
_LIMIT_S = 60.0
_LOOK_AGAIN_S = 0.2
_HELP_AGAIN_S = 3.0


class NotCleared(RuntimeError):
    """Something of a world does not go."""


def clear_world(session: KindSession, transport: Transport, project: Project, outputs: Mapping[str, str]) -> None:
    """Remove the world's nodes and every object of its manifests, and wait until they are gone. Raises NotCleared, ApiError."""
    writer = RemoteWriter(transport, manager="harness")
    nodes = session.nodes.names()
    for name in nodes:
        session.nodes.remove(name)
        _delete(writer, NODES, None, name)
    objects = _objects(project, outputs)
    namespaces = {name for resource, _, name in objects if resource == NAMESPACES}
    for _, _, definition in (entry for entry in objects if entry[0] == CUSTOM_RESOURCE_DEFINITIONS):
        _wait_served(transport, definition)
    # Namespaces go first: their controller looks 5 s after that, and again much later if anything is left in them by then.
    objects.sort(key=lambda entry: entry[0] != NAMESPACES)
    left = [entry for entry in objects if _delete(writer, *entry)]
    _wait_gone(
        transport,
        [path_of(resource, namespace, name) for resource, namespace, name in left],
        lambda: _end_pods(writer, transport, namespaces, nodes),
    )
    for event in transport.request("GET", path_of(EVENTS))["items"]:
        _delete(writer, EVENTS, event["metadata"]["namespace"], event["metadata"]["name"])
    session.nodes.settle()
    session.images.restore()


def _objects(project: Project, outputs: Mapping[str, str]) -> list[tuple[Resource, str | None, str]]:
    """What the manifests name, the latest first."""
    found: list[tuple[Resource, str | None, str]] = []
    for group in _GROUPS:
        for documents in project.manifests(group, outputs).values():
            for document in documents:
                resource = _RESOURCES.get((str(document["apiVersion"]), str(document["kind"])))
                metadata = document["metadata"]
                if resource is not None and "name" in metadata:  # else an instance of a definition, or a run
                    found.append((resource, metadata.get("namespace"), str(metadata["name"])))
    return found[::-1]


def _delete(writer: RemoteWriter, resource: Resource, namespace: str | None, name: str) -> bool:
    """Whether there was anything to delete."""
    try:
        writer.delete(resource, namespace, name)
    except NotFound:
        return False
    return True


def _end_pods(writer: RemoteWriter, transport: Transport, namespaces: Collection[str], nodes: Collection[str]) -> None:
    """Nobody is there to say that the pods of a removed node have ended, or to count them for their Job."""
    for pod in transport.request("GET", path_of(PODS))["items"]:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        if namespace in namespaces or pod["spec"].get("nodeName") in nodes:
            try:
                if pod["metadata"].get("finalizers"):
                    writer.patch(PODS, namespace, name, {"metadata": {"finalizers": None}})
                writer.delete(PODS, namespace, name, grace_period_s=0)
            except NotFound:
                continue  # it went by itself meanwhile


def _wait_served(transport: Transport, definition: str) -> None:
    """Wait until a definition's instances can be listed.

    A definition that is deleted before that stays for minutes: its finalizer cannot list, and waits longer after each try.
    """
    found = _find(transport, path_of(CUSTOM_RESOURCE_DEFINITIONS, None, definition))
    if found is None:
        return
    plural, _, group = definition.partition(".")
    version = next(entry["name"] for entry in found["spec"]["versions"] if entry["served"])
    deadline_s = time.monotonic() + _LIMIT_S
    while True:
        try:
            transport.request("GET", f"/apis/{group}/{version}/{plural}", {"limit": "1"})
        except (NotFound, Transient) as error:
            if time.monotonic() > deadline_s:
                raise NotCleared(
                    f"definition {definition} is not served after {_LIMIT_S:g} s: {error.message}"
                ) from error
            time.sleep(_LOOK_AGAIN_S)
        else:
            return


def _wait_gone(transport: Transport, paths: Collection[str], help_on: Callable[[], None]) -> None:
    """`help_on` is done at once and every few seconds: controllers may make another pod meanwhile."""
    deadline_s = time.monotonic() + _LIMIT_S
    help_on()
    helped_s = time.monotonic()
    for path in paths:
        while (found := _find(transport, path)) is not None:
            if time.monotonic() > helped_s + _HELP_AGAIN_S:
                help_on()
                helped_s = time.monotonic()
            if time.monotonic() > deadline_s:
                held = [*found["metadata"].get("finalizers", ()), *(found.get("spec") or {}).get("finalizers", ())]
                said = [entry.get("message") for entry in (found.get("status") or {}).get("conditions") or ()]
                raise NotCleared(
                    f"{path} is still there {_LIMIT_S:g} s after it was deleted, held by {held}, and says {said}: end the cluster with `harness down --all`"
                )
            time.sleep(_LOOK_AGAIN_S)


def _find(transport: Transport, path: str) -> dict[str, Any] | None:
    try:
        return transport.request("GET", path)
    except NotFound:
        return None
