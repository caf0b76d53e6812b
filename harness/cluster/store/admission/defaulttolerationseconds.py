"""DefaultTolerationSeconds: pods outlive a lost node for five minutes. Looks at updates, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_SECONDS = 300


def default_toleration_seconds(spec: dict[str, Any]) -> None:
    """Add the tolerations that are not there."""
    tolerations = spec.setdefault("tolerations", [])
    for taint in _TAINTS:
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            tolerations.append(
                {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS}
            )


def _tolerates(toleration: Mapping[str, Any], taint: str) -> bool:
    return toleration.get("key") in {taint, None, ""} and toleration.get("effect") in {"NoExecute", None, ""}
