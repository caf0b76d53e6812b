"""What becomes of a DAG: its phase from the nodes in it.

Follows Argo Workflows 4.1 `workflow/controller/dag.go` (assessDAGPhase): it runs while any node in it does; then each branch has the phase of the last
of its nodes that was run, so a failure counts unless a later task of that branch took it up, and what was left out passes on its parents' phase.
`failFast` (default true) decides only whether a failed branch ends a DAG in which other targets have not been reached.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from harness.workflows.naming import node_id
from harness.workflows.status import FAILED, Node, Nodes, is_completed, is_fulfilled


def assess_phase(
    nodes: Nodes,
    dag: Node,
    targets: Sequence[str],
    continues_on: Callable[[str, str], bool],
    *,
    fail_fast: bool = True,
) -> str:
    """The phase of `dag`; `targets` are names of nodes, `continues_on(target, phase)` says that this end of it does not count."""
    branches = _branches(nodes, dag, targets)
    if branches is None:
        return "Running"
    result = "Succeeded"
    for target in targets:
        branch = branches[node_id(nodes.workflow, target)]
        if not branch:
            result = "Running"
            if not fail_fast:
                break
        elif branch in FAILED and not continues_on(target, branch):
            result = branch
            if fail_fast:
                break
    return result


def _branches(nodes: Nodes, dag: Node, targets: Sequence[str]) -> dict[str, str] | None:
    """The phase that each target is reached with, empty where it was not; None while something runs."""
    reached = {node_id(nodes.workflow, target): "" for target in targets}
    queue = deque((str(child), "Succeeded") for child in dag.get("children") or ())
    seen = set(queue)
    while queue:
        identity, branch = queue.popleft()
        node = nodes.by_id.get(identity)
        if node is None or not is_fulfilled(node):
            return None
        if is_completed(node):
            branch = str(node["phase"])
        if identity in reached and reached[identity] not in FAILED:
            reached[identity] = branch
        following = _after_retries(nodes, node) if node["type"] == "Retry" else list(node.get("children") or ())
        for child in following:
            if (child, branch) not in seen:
                seen.add((child, branch))
                queue.append((child, branch))
    return reached


def _after_retries(nodes: Nodes, node: Node) -> list[str]:
    """A Retry node has the verdict of its last attempt; what goes on behind it hangs on the attempts, or is a hook."""
    found: list[str] = []
    for child in nodes.children(node):
        hooked = bool((child.get("nodeFlag") or {}).get("hooked"))
        found += [str(child["id"])] if hooked else list(child.get("children") or ())
    return found
