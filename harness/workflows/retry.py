"""Whether an attempt that failed is followed by another: limit, policy, expression, back-off.

Follows Argo Workflows 4.1 `workflow/controller/operator.go` (processNodeRetries). The policy is OnFailure, or Always when there is an expression;
policy and expression both have to hold; the expression is evaluated after every attempt. An attempt that could not be reached (`pod deleted`) is an
Error, so OnFailure does not repeat it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import SECOND, parse_time
from harness.workflows.durations import go_time, humanize, parse_count, parse_duration
from harness.workflows.errors import InvalidSpec
from harness.workflows.expression import evaluate_bool
from harness.workflows.status import Node, exit_code_of

POLICIES = ("Always", "OnFailure", "OnError", "OnTransientError")
_TRANSIENT = ("connection refused", "i/o timeout", "TLS handshake timeout", "connection reset by peer", "etcdserver")


@dataclass(frozen=True)
class Decision:
    """`again` now, or wait (`wait_us`), or (`phase`) the Retry node ends with that phase. `message` None leaves the node's."""

    again: bool = False
    wait_us: int | None = None
    phase: str | None = None
    message: str | None = None


def decide(
    strategy: Mapping[str, Any],
    attempts: Sequence[Node],
    *,
    now_us: int,
    shutdown: str = "",
    deadline_us: int | None = None,
) -> Decision:
    """What follows the last of `attempts`, which is fulfilled."""
    last = attempts[-1]
    phase = str(last["phase"])
    if phase not in {"Failed", "Error"}:
        return Decision(phase="Succeeded")
    if shutdown:
        return Decision(phase=phase, message=f"Stopped with strategy '{shutdown}'")
    if deadline_us is not None and now_us >= deadline_us:
        return Decision(phase=phase, message=f"retry exceeded workflow deadline {go_time(deadline_us)}")
    backoff = strategy.get("backoff")
    if backoff:
        waiting = _back_off(backoff, strategy, attempts, now_us)
        if waiting is not None:
            return waiting
    if not _policy_allows(strategy, last):
        return Decision(phase=phase, message=str(last.get("message") or ""))
    limit = strategy.get("limit")
    if limit is not None and len(attempts) > parse_count(limit, "retryStrategy.limit"):
        return Decision(phase=phase, message="No more retries left")
    expression = strategy.get("expression")
    if expression and not evaluate_bool(str(expression), expression_scope(attempts)):
        return Decision(phase=phase, message="retryStrategy.expression evaluated to false")
    return Decision(again=True)


def policy_of(strategy: Mapping[str, Any]) -> str:
    """The policy that holds. Raises InvalidSpec for one that Argo does not know."""
    policy = str(strategy.get("retryPolicy") or ("Always" if strategy.get("expression") else "OnFailure"))
    if policy not in POLICIES:
        raise InvalidSpec(f"{policy} is not a valid RetryPolicy")
    return policy


def expression_scope(attempts: Sequence[Node]) -> dict[str, str]:
    """What the expression sees after the last of `attempts`: all strings, an exit code that is not known is "-1"."""
    last = attempts[-1]
    return {
        "retries": str(len(attempts) - 1),
        "lastRetry.exitCode": exit_code_of(last) or "-1",
        "lastRetry.status": str(last["phase"]),
        "lastRetry.duration": _duration(last),
        "lastRetry.message": str(last.get("message") or ""),
    }


def retry_scope(attempts: Sequence[Node]) -> dict[str, str]:
    """What the template of the attempt after `attempts` sees: an exit code that is not known is "0" here, as upstream."""
    last = attempts[-1] if attempts else None
    return {
        "retries": str(len(attempts)),
        "lastRetry.exitCode": (exit_code_of(last) if last else None) or "0",
        "lastRetry.status": str(last["phase"]) if last else "",
        "lastRetry.duration": _duration(last) if last else "0",
        "lastRetry.message": str(last.get("message") or "") if last else "",
    }


def _duration(node: Node) -> str:
    started = parse_time(str(node["startedAt"]))
    ended = parse_time(str(node.get("finishedAt") or node["startedAt"]))
    return f"{(ended - started) / SECOND:g}"


def _policy_allows(strategy: Mapping[str, Any], last: Node) -> bool:
    policy = policy_of(strategy)
    if policy == "OnTransientError":
        return any(text in str(last.get("message") or "") for text in _TRANSIENT)
    if last["phase"] == "Failed":
        return policy in {"Always", "OnFailure"}
    return policy in {"Always", "OnError"}


def _back_off(
    backoff: Mapping[str, Any], strategy: Mapping[str, Any], attempts: Sequence[Node], now_us: int
) -> Decision | None:
    """What the back-off demands before anything else, None when nothing."""
    last = attempts[-1]
    phase = str(last["phase"])
    give_up_us: int | None = None
    if backoff.get("maxDuration"):
        give_up_us = parse_time(str(attempts[0]["startedAt"])) + parse_duration(backoff["maxDuration"])
        if now_us > give_up_us:
            return Decision(phase=phase, message="Max duration limit exceeded")
    if not backoff.get("duration"):
        raise InvalidSpec("no base duration specified for retryStrategy")
    wait_us = parse_duration(backoff["duration"])
    factor = parse_count(backoff.get("factor") or 0, "retryStrategy.backoff.factor")
    if factor > 0:
        wait_us *= factor ** (len(attempts) - 1)
    if backoff.get("cap"):
        wait_us = min(wait_us, parse_duration(backoff["cap"]))
    until_us = parse_time(str(last["finishedAt"])) + wait_us
    if give_up_us is not None and until_us > give_up_us:
        return Decision(phase=phase, message="Backoff would exceed max duration limit")
    limit = strategy.get("limit")
    left = limit is not None and len(attempts) <= parse_count(limit, "retryStrategy.limit")
    if now_us < until_us and left:
        return Decision(wait_us=until_us - now_us, message=f"Backoff for {humanize(wait_us)}")
    return None
