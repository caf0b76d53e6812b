"""TaintNodesByCondition: a new node is not ready until the node controller says otherwise.

One that is created with its condition Ready, as no kubelet does, is spared the taint, which the controller would lift at once.
"""

from __future__ import annotations

from harness.cluster.store.admission.refusals import Draft
from harness.kube.objects import is_true

_TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def taint_new_node(node: Draft) -> None:
    """Add the taint, unless it is there."""
    if is_true(node, "Ready"):
        return
    taints = node.setdefault("spec", {}).get("taints") or []
    if not any(taint.get("key") == _TAINT["key"] and taint.get("effect") == _TAINT["effect"] for taint in taints):
        node["spec"]["taints"] = [*taints, dict(_TAINT)]
