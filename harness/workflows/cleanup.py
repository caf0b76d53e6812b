"""What is deleted after use: pods by `podGC`, the workflow by `ttlStrategy`. Follows Argo Workflows 4.1 `workflow/gccontroller` and `pod/controller.go`."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import SECOND
from harness.kube.objects import Object, key_of
from harness.kube.selectors import from_object
from harness.workflows.durations import parse_count, parse_duration

STRATEGIES = ("OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")
_DEFAULT_DELAY_US = 5 * SECOND


def pods_to_delete(workflow: Object, ended: Sequence[Object]) -> dict[str, int]:
    """`namespace/name` of the pods that may go now, with the delay before they do; `ended` are pods that are done with."""
    rule = workflow["spec"].get("podGC") or {}
    strategy = rule.get("strategy")
    phase = workflow["status"]["phase"]
    if strategy == "OnWorkflowCompletion" and phase not in {"Succeeded", "Failed", "Error"}:
        return {}
    if strategy == "OnWorkflowSuccess" and phase != "Succeeded":
        return {}
    if strategy not in STRATEGIES:
        return {}
    delay_us = parse_duration(rule["deleteDelayDuration"]) if rule.get("deleteDelayDuration") else _DEFAULT_DELAY_US
    selector = from_object(rule.get("labelSelector"))
    chosen = [pod for pod in ended if selector is None or selector.matches(pod["metadata"].get("labels") or {})]
    if strategy == "OnPodSuccess":
        chosen = [pod for pod in chosen if (pod.get("status") or {}).get("phase") == "Succeeded"]
    return {key_of(pod): delay_us for pod in chosen}


def time_to_live_us(workflow: Object) -> int | None:
    """How long a completed workflow is kept; None for ever."""
    rule = workflow["spec"].get("ttlStrategy") or {}
    succeeded = workflow["status"]["phase"] == "Succeeded"
    chosen = rule.get("secondsAfterSuccess" if succeeded else "secondsAfterFailure")
    if chosen is None:
        chosen = rule.get("secondsAfterCompletion")
    return None if chosen is None else parse_count(chosen, "ttlStrategy") * SECOND
