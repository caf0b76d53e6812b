"""Tables of nodes and of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.api.tables.columns import NONE, UNKNOWN, Column, Printer, age, dig, name_column, since, wide
from harness.kube.objects import Object, is_true, labels_of, name_of
from harness.kube.resources import EVENTS, NODES

_ROLE = "node-role.kubernetes.io/"
_NEW_EVENTS = "events.events.k8s.io"


def _node(node: Object, now_us: int) -> list[Any]:
    status = node.get("status") or {}
    known = any(entry.get("type") == "Ready" for entry in status.get("conditions") or ())
    states = [("Ready" if is_true(node, "Ready") else "NotReady") if known else "Unknown"]
    if dig(node, "spec", "unschedulable"):
        states.append("SchedulingDisabled")
    labels = labels_of(node)
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE) and key != _ROLE}
    roles |= {labels["kubernetes.io/role"]} if labels.get("kubernetes.io/role") else set()
    info = status.get("nodeInfo") or {}
    addresses = {entry["type"]: entry["address"] for entry in reversed(status.get("addresses") or ())}
    return [
        name_of(node),
        ",".join(states),
        ",".join(sorted(roles)) or NONE,
        age(node, now_us),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _event(event: Object, now_us: int) -> list[Any]:
    involved, source = event.get("involvedObject") or {}, event.get("source") or {}
    first = since(event.get("firstTimestamp") or event.get("eventTime"), now_us)
    last = since(event["lastTimestamp"], now_us) if event.get("lastTimestamp") else first
    count = event.get("count") or 1
    series = event.get("series")
    if series is not None:
        last, count = since(series.get("lastObservedTime"), now_us), series.get("count", 0)
    kind, name = str(involved.get("kind", "")).lower(), involved.get("name")
    reporter = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return [
        last,
        event.get("type", ""),
        event.get("reason", ""),
        f"{kind}/{name}" if name else kind,
        involved.get("fieldPath", ""),
        f"{reporter}, {host}" if host else reporter,
        str(event.get("message", "")).strip(),
        first,
        count,
        name_of(event),
    ]


def _new_event(event: Object, now_us: int) -> list[Any]:
    """An event in the form of events.k8s.io/v1, whose fields have other names."""
    old = {
        **event,
        "involvedObject": event.get("regarding"),
        "message": event.get("note", ""),
        "source": event.get("deprecatedSource"),
        "reportingComponent": event.get("reportingController"),
        "firstTimestamp": event.get("deprecatedFirstTimestamp"),
        "lastTimestamp": event.get("deprecatedLastTimestamp"),
        "count": event.get("deprecatedCount"),
    }
    return _event(old, now_us)


_EVENT_COLUMNS = (
    *map(Column, ("Last Seen", "Type", "Reason", "Object")),
    *wide("Subobject", "Source"),
    Column("Message"),
    *wide("First Seen", "Count"),
    Column("Name", priority=1, format="name"),
)
NODES_AND_EVENTS: Mapping[str, Printer] = {
    NODES.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Status", "Roles", "Age", "Version")),
            *wide("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"),
        ),
        _node,
    ),
    EVENTS.group_resource: Printer(_EVENT_COLUMNS, _event),
    _NEW_EVENTS: Printer(_EVENT_COLUMNS, _new_event),
}
