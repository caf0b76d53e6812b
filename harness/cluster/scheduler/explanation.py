"""Why a pod is where it is, or nowhere: what the default profile says of every node, worked out from a cluster's objects as they are now.

For a pod that has a node already the question is asked as if it had none and were not there: what the scheduler would say today, not what it said then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.scheduler.cache import Cluster
from harness.cluster.scheduler.cycle import Cycle, NodeExplanation
from harness.cluster.scheduler.framework import Diagnosis
from harness.cluster.scheduler.nominations import Nominations
from harness.cluster.scheduler.plugins import default_preemption as preemption
from harness.cluster.scheduler.podinfo import PodInfo, pod_info
from harness.cluster.scheduler.profile import default_profile
from harness.cluster.scheduler.selectors import DefaultSelectors
from harness.cluster.scheduler.texts import NO_NODES, fit_error
from harness.cluster.scheduler.volumes import Volumes
from harness.kube.client import Reader
from harness.kube.objects import Object, condition, key_of, labels_of, name_of
from harness.kube.resources import NAMESPACES, NODES, POD_DISRUPTION_BUDGETS, PODS

_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Explanation:
    """What was found about one pod. `message` is the scheduler's refusal as it would be now, empty when a node could take the pod."""

    pod: Object
    nodes: Mapping[str, NodeExplanation]
    message: str = ""
    victims: tuple[str, ...] = ()
    nominated: str = ""

    @property
    def fits(self) -> bool:
        """Whether any node could take it."""
        return any(not entry.refusals for entry in self.nodes.values())


def explain(reader: Reader, pod: Object, now_us: int) -> Explanation:
    """Ask every plugin about every node. Raises PluginError."""
    cluster, nominations = _picture(reader, pod)
    volumes, selectors = Volumes(reader), DefaultSelectors(reader)
    cycle = Cycle(default_profile(volumes, selectors), cluster, nominations)
    asking = pod_info(_unplaced(pod))
    nodes = cycle.explain(asking)
    found = Explanation(pod, nodes)
    if found.fits:
        return found
    diagnosis = cycle.place(asking, min)
    if not isinstance(diagnosis, Diagnosis) or not diagnosis.nodes:
        return Explanation(pod, nodes, NO_NODES)
    outcome = preemption.Outcome(eligible=False)
    if not diagnosis.whole:
        budgets = reader.list(POD_DISRUPTION_BUDGETS)
        trial = lambda: cycle.trial(asking)  # noqa: E731 - named for the call below
        outcome = preemption.preempt(asking, diagnosis, cluster, trial, budgets, lambda _: 0, now_us)
    candidate = outcome.candidate
    return Explanation(
        pod,
        nodes,
        fit_error(diagnosis, outcome),
        () if candidate is None else tuple(victim.key for victim in candidate.victims),
        "" if candidate is None else candidate.node,
    )


def _picture(reader: Reader, without: Object) -> tuple[Cluster, Nominations]:
    cluster, nominations = Cluster(), Nominations()
    for namespace in reader.list(NAMESPACES):
        cluster.set_namespace(name_of(namespace), labels_of(namespace))
    for node in reader.list(NODES):
        cluster.set_node(node)
    for pod in reader.list(PODS):
        if key_of(pod) == key_of(without) or (pod.get("status") or {}).get("phase") in _ENDED:
            continue
        info: PodInfo = pod_info(pod)
        if pod["spec"].get("nodeName"):
            cluster.set_pod(info, str(pod["spec"]["nodeName"]))
        elif info.nominated_node:
            nominations.add(info, info.nominated_node)
    return cluster, nominations


def _unplaced(pod: Object) -> Object:
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    return {**pod, "spec": spec}


def render(found: Explanation) -> str:
    """As text for people."""
    pod = found.pod
    node = pod["spec"].get("nodeName")
    said = condition(pod, "PodScheduled") or {}
    lines = [
        f"Pod {key_of(pod)}: " + (f"on node {node}" if node else f"pending ({said.get('reason') or 'not tried yet'})")
    ]
    if not node and said.get("message"):
        lines.append(f"The scheduler said: {said['message']}")
    fitting = {name: entry for name, entry in found.nodes.items() if not entry.refusals}
    refused = {name: entry for name, entry in found.nodes.items() if entry.refusals}
    if fitting:
        placed = ", were it not placed already" if node else ""
        lines += [
            "",
            f"{len(fitting)} of {len(found.nodes)} nodes could take it now{placed}. Weighted points a plugin, raw ones in brackets:",
        ]
        lines += _table(_score_rows(fitting, str(node or "")))
    else:
        lines += ["", f"No node could take it now: {found.message}"]
    if refused:
        lines += ["", "Refused by:"]
        rows = [["NODE", "FILTER", "REASONS"]]
        rows += [
            [name, entry.plugin, "; ".join(refusal.reason for refusal in entry.refusals)]
            for name, entry in sorted(refused.items())
        ]
        lines += _table(rows)
    if found.nominated:
        lines += ["", f"It would preempt on node {found.nominated}: {', '.join(found.victims)}"]
    return "\n".join(lines)


def _score_rows(fitting: Mapping[str, NodeExplanation], node: str) -> list[list[str]]:
    plugins = list(dict.fromkeys(plugin for entry in fitting.values() for plugin in entry.scores))
    rows = [["NODE", "TOTAL", *plugins]]
    for name, entry in sorted(fitting.items(), key=lambda item: (-item[1].total, item[0])):
        cells = [
            f"{entry.scores[plugin]} ({entry.raw[plugin]})" if plugin in entry.scores else "-" for plugin in plugins
        ]
        rows.append([f"{name} *" if name == node else name, str(entry.total), *cells])
    return rows


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
