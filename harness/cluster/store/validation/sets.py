"""Stateful sets and daemon sets (`pkg/apis/apps/validation`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.store.validation.causes import forbidden, immutable, invalid, non_negative, required, unsupported
from harness.cluster.store.validation.storage import check_claim_spec
from harness.cluster.store.validation.values import at_least, int_or_percent, one_of, selector_faults
from harness.cluster.store.validation.workloads import check_pods_of
from harness.kube.errors import Cause
from harness.kube.names import label_faults
from harness.kube.selectors import from_object

_STRATEGIES = ("RollingUpdate", "OnDelete")
_OPEN = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_CLOSED_TEXT = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
Checked = Mapping[str, Any]


def check_stateful_set(stateful_set: Checked) -> list[Cause]:
    """A stateful set."""
    spec = stateful_set["spec"]
    causes: list[Cause] = []
    if spec.get("podManagementPolicy") not in {"OrderedReady", "Parallel"}:
        causes.append(
            invalid("spec.podManagementPolicy", spec["podManagementPolicy"], "must be 'OrderedReady' or 'Parallel'")
        )
    strategy = spec["updateStrategy"]
    if strategy.get("type") not in _STRATEGIES:
        causes.append(invalid("spec.updateStrategy", strategy, "must be 'RollingUpdate' or 'OnDelete'"))
    elif strategy["type"] == "OnDelete" and "rollingUpdate" in strategy:
        detail = "only allowed for updateStrategy 'RollingUpdate'"
        causes.append(invalid("spec.updateStrategy.rollingUpdate", strategy["rollingUpdate"], detail))
    else:
        rolling = strategy.get("rollingUpdate") or {}
        causes += non_negative("spec.updateStrategy.rollingUpdate.partition", rolling.get("partition"))
        causes += int_or_percent("spec.updateStrategy.rollingUpdate.maxUnavailable", rolling.get("maxUnavailable"))
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for key in ("whenDeleted", "whenScaled"):
        field = f"spec.persistentVolumeClaimRetentionPolicy.{key}"
        causes += one_of(field, retention.get(key), ("Retain", "Delete"))
    causes += non_negative("spec.replicas", spec.get("replicas"))
    causes += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    causes += at_least("spec.ordinals.start", (spec.get("ordinals") or {}).get("start"), 0)
    causes += _selection(spec, "statefulset", names_missing=True)
    return causes + _claims(spec.get("volumeClaimTemplates") or ()) + check_pods_of(spec)


def _claims(templates: Sequence[Checked]) -> list[Cause]:
    """The claims of each replica, whose names are those of volumes of its pod."""
    causes: list[Cause] = []
    for position, template in enumerate(templates):
        name, here = (template.get("metadata") or {}).get("name"), f"spec.template.spec.volumes[{position}]"
        if name:
            causes += [invalid(f"{here}.name", name, fault) for fault in label_faults(name)]
        else:
            causes += [required(f"{here}.persistentVolumeClaim.claimName"), required(f"{here}.name")]
        causes += check_claim_spec(f"spec.volumeClaimTemplates[{position}].spec", template.get("spec") or {})
    return causes


def check_stateful_set_update(new: Checked, old: Checked) -> list[Cause]:
    """Most of a stateful set stays as it was made."""

    def closed(spec: Checked) -> dict[str, Any]:
        return {key: value for key, value in spec.items() if key not in _OPEN}

    return [] if closed(new["spec"]) == closed(old["spec"]) else [forbidden("spec", _CLOSED_TEXT)]


def check_daemon_set(daemon_set: Checked) -> list[Cause]:
    """A daemon set."""
    spec = daemon_set["spec"]
    causes = _selection(spec, "daemonset", names_missing=False) + check_pods_of(spec)
    causes += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    strategy, field = spec["updateStrategy"], "spec.updateStrategy"
    if strategy.get("type") not in _STRATEGIES:
        causes.append(unsupported(field, strategy, _STRATEGIES))
    elif strategy["type"] == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
        here = f"{field}.rollingUpdate"
        causes += int_or_percent(f"{here}.maxUnavailable", unavailable) + int_or_percent(f"{here}.maxSurge", surge)
        is_gap, is_surge = unavailable not in {0, "0%"}, surge not in {0, "0%"}
        if is_gap and is_surge:
            causes.append(invalid(f"{here}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
        elif not is_gap and not is_surge:
            causes.append(required(f"{here}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return causes + non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def check_daemon_set_update(new: Checked, old: Checked) -> list[Cause]:
    """The selector stays."""
    return immutable("spec.selector", new["spec"].get("selector"), old["spec"].get("selector"))


def _selection(spec: Checked, kind: str, *, names_missing: bool) -> list[Cause]:
    selector = spec.get("selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    causes: list[Cause] = []
    if selector is None:
        causes += [required("spec.selector")] if names_missing else []
    elif not (selector.get("matchLabels") or selector.get("matchExpressions")):
        causes.append(invalid("spec.selector", selector, f"empty selector is invalid for {kind}"))
    faults = selector_faults("spec.selector", selector)
    if faults:
        return causes + faults
    chosen = from_object(selector)
    if chosen is None or not chosen.matches(labels):
        causes.append(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))
    return causes
