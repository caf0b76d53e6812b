"""Nodes, and what belongs to them: CSI drivers, attachments, capacities and runtime classes (`pkg/apis/{core,storage,node}/validation`)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.validation.causes import duplicate, forbidden, invalid, required, unsupported
from harness.cluster.store.validation.pods import check_amount, check_toleration
from harness.cluster.store.validation.values import at_least, cidr, one_of, selector_faults
from harness.kube.errors import Cause
from harness.kube.names import label_faults, qualified_name_faults, subdomain_faults
from harness.kube.resources import (
    CSI_DRIVERS,
    CSI_NODES,
    CSI_STORAGE_CAPACITIES,
    NODES,
    RUNTIME_CLASSES,
    VOLUME_ATTACHMENTS,
)

Checked = Mapping[str, Any]
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"


def _node(node: Checked) -> list[Cause]:
    spec, causes = node.get("spec") or {}, list[Cause]()
    seen: list[tuple[Any, Any]] = []
    for position, taint in enumerate(spec.get("taints") or ()):
        here, key, effect = f"metadata.taints[{position}]", str(taint.get("key") or ""), taint.get("effect")
        causes += [invalid(f"{here}.key", key, fault) for fault in qualified_name_faults(key)]
        if not effect:
            causes.append(required(f"{here}.effect"))
        elif effect not in _EFFECTS:
            causes.append(unsupported(f"{here}.effect", effect, _EFFECTS))
        if (key, effect) in seen:
            cause = duplicate(here, _taint(taint))
            causes.append(Cause(here, cause.reason, f"{cause.message}: taints must be unique by key and effect pair"))
        seen.append((key, effect))
    return causes + _networks(spec)


def _taint(taint: Checked) -> dict[str, Any]:
    """As Go prints it."""
    names = ("Key", "Value", "Effect")
    return {**{name: taint.get(name.lower()) or "" for name in names}, "TimeAdded": taint.get("timeAdded")}


def _networks(spec: Checked) -> list[Cause]:
    networks = spec.get("podCIDRs") or [text for text in (spec.get("podCIDR"),) if text]
    causes = [cause for n, text in enumerate(networks) for cause in cidr(f"spec.podCIDRs[{n}]", str(text))]
    if causes:
        return causes
    families = [ipaddress.ip_network(text, strict=False).version for text in networks]
    if len(networks) > 2 or len(set(families)) < len(families):
        causes.append(invalid("spec.podCIDRs", networks, "may specify no more than one CIDR for each IP family"))
    return causes


def _driver(driver: Checked) -> list[Cause]:
    spec = driver.get("spec") or {}
    policies = ("File", "None", "ReadWriteOnceWithFSType")
    causes = one_of("spec.fsGroupPolicy", spec.get("fsGroupPolicy"), policies)
    for mode in spec.get("volumeLifecycleModes") or ():
        causes += one_of("spec.volumeLifecycleModes", mode, ("Persistent", "Ephemeral"))
    return causes


def _csi_node(node: Checked) -> list[Cause]:
    causes: list[Cause] = []
    names: list[str] = []
    for position, driver in enumerate((node.get("spec") or {}).get("drivers") or ()):
        here, name = f"spec.drivers[{position}]", str(driver.get("name") or "")
        causes += [required(f"{here}.name")] if not name else []
        causes += [required(f"{here}.nodeID")] if not driver.get("nodeID") else []
        causes += at_least(f"{here}.allocatable.count", (driver.get("allocatable") or {}).get("count"), 0)
        keys = driver.get("topologyKeys") or ()
        for number, key in enumerate(keys):  # upstream leaves the key's position out
            causes += [duplicate(here, key)] if key in keys[:number] else []
            causes += [required(here)] if not key else []
            causes += [invalid(here, key, fault) for fault in qualified_name_faults(key)]
        if name in names:
            causes.append(duplicate(f"{here}.name", name))
        names.append(name)
    return causes


def _attachment(attachment: Checked) -> list[Cause]:
    spec = attachment.get("spec") or {}
    attacher, node, source = str(spec.get("attacher") or ""), str(spec.get("nodeName") or ""), spec.get("source") or {}
    sources = [key for key in ("inlineVolumeSpec", "persistentVolumeName") if source.get(key) is not None]
    causes = [required("spec.attacher")] if not attacher else []
    if not sources:
        causes.append(required("spec.source", _ONE_SOURCE))
    elif len(sources) > 1:
        causes.append(forbidden("spec.source", _ONE_SOURCE))
    causes += [invalid("spec.nodeName", node, fault) for fault in subdomain_faults(node)]
    causes += [required("spec.attacher")] if not attacher else []
    return causes + [invalid("spec.attacher", attacher, fault) for fault in subdomain_faults(attacher.lower())]


def _capacity(capacity: Checked) -> list[Cause]:
    name = str(capacity.get("storageClassName") or "")
    causes = [invalid("storageClassName", name, fault) for fault in subdomain_faults(name)]
    for key in ("capacity", "maximumVolumeSize"):
        if capacity.get(key) is not None:
            causes += check_amount(key, capacity[key])
    return causes + selector_faults("nodeTopology", capacity.get("nodeTopology"))


def _runtime_class(runtime_class: Checked) -> list[Cause]:
    handler = str(runtime_class.get("handler") or "")
    causes = [invalid("handler", handler, fault) for fault in label_faults(handler)]
    for name, amount in ((runtime_class.get("overhead") or {}).get("podFixed") or {}).items():
        causes += check_amount(f"overhead.limits[{name}]", amount)
    scheduling = runtime_class.get("scheduling") or {}
    for key in scheduling.get("nodeSelector") or {}:
        causes += [invalid("scheduling.nodeSelector", key, fault) for fault in qualified_name_faults(key)]
    for position, toleration in enumerate(scheduling.get("tolerations") or ()):
        causes += check_toleration(f"scheduling.tolerations.tolerations[{position}]", toleration)  # sic
    return causes


NODE_RULES: Mapping[str, Callable[[Checked], list[Cause]]] = {
    NODES.group_resource: _node,
    CSI_DRIVERS.group_resource: _driver,
    CSI_NODES.group_resource: _csi_node,
    VOLUME_ATTACHMENTS.group_resource: _attachment,
    CSI_STORAGE_CAPACITIES.group_resource: _capacity,
    RUNTIME_CLASSES.group_resource: _runtime_class,
}
