"""How Go prints what stands in upstream's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def label_selector(selector: Mapping[str, Any] | None) -> str:
    """A pointer to a metav1.LabelSelector."""
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{one['key']},Operator:{one['operator']},Values:[{' '.join(one.get('values') or ())}],}},"
        for one in selector.get("matchExpressions") or ()
    )
    matched = f"MatchLabels:map[string]string{{{labels}}}"
    return f"&LabelSelector{{{matched},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
