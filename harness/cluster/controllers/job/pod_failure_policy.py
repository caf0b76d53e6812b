"""What a Job's podFailurePolicy says of a failed pod (`pkg/controller/job/pod_failure_policy.go`, 1.34): the first rule that matches decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.kube.objects import Object, name_of, namespace_of


@dataclass(frozen=True)
class Match:
    """The outcome: the action of the rule (None: no rule matched), whether the failure counts towards the limit, and why the Job fails, if it does."""

    action: str | None = None
    counts: bool = True
    message: str | None = None


def match(policy: Mapping[str, Any] | None, pod: Object) -> Match:
    """The first rule that matches a failed pod."""
    for index, rule in enumerate((policy or {}).get("rules") or ()):
        action = str(rule["action"])
        words = _matches_exit_codes(rule, pod) or _matches_conditions(rule, pod)
        if words is None:
            continue
        if action == "FailJob":
            return Match(action, True, f"{words} matching {action} rule at index {index}")
        return Match(action, action != "Ignore")
    return Match()


def _matches_exit_codes(rule: Mapping[str, Any], pod: Object) -> str | None:
    wanted = rule.get("onExitCodes")
    if wanted is None:
        return None
    status = pod.get("status") or {}
    for container in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        ended = (container.get("state") or {}).get("terminated")
        if ended is None or (wanted.get("containerName") or container["name"]) != container["name"]:
            continue
        code = int(ended["exitCode"])
        if code != 0 and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return (
                f"Container {container['name']} for pod {namespace_of(pod)}/{name_of(pod)} failed with exit code {code}"
            )
    return None


def _matches_conditions(rule: Mapping[str, Any], pod: Object) -> str | None:
    for pattern in rule.get("onPodConditions") or ():
        for entry in (pod.get("status") or {}).get("conditions") or ():
            if (entry["type"], entry["status"]) == (pattern["type"], pattern.get("status", "True")):
                return f"Pod {namespace_of(pod)}/{name_of(pod)} has condition {entry['type']}"
    return None
