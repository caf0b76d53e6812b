"""Label selectors: `matchLabels` and `matchExpressions`; their text form is in `selectortext`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Requirement:
    """`key operator values`; operators are those of metav1.LabelSelectorRequirement plus Gt and Lt of node selectors."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` fulfil it; NotIn and DoesNotExist hold where the key is missing."""
        value = labels.get(self.key)
        if self.operator == "In":
            return value is not None and value in self.values
        if self.operator == "NotIn":
            return value is None or value not in self.values
        if self.operator == "Exists":
            return value is not None
        if self.operator == "DoesNotExist":
            return value is None
        if self.operator in {"Gt", "Lt"}:
            return self._compares(value)
        raise ValueError(
            f"operator {self.operator!r} of label {self.key!r} is not In, NotIn, Exists, DoesNotExist, Gt or Lt"
        )

    def _compares(self, value: str | None) -> bool:
        try:
            left, right = int(value or ""), int(self.values[0])
        except ValueError:
            return False
        return left > right if self.operator == "Gt" else left < right


@dataclass(frozen=True)
class Selector:
    """All requirements together; without any it matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every requirement holds."""
        return all(requirement.matches(labels) for requirement in self.requirements)


def from_labels(labels: Mapping[str, str]) -> Selector:
    """The selector that asks for exactly these values."""
    return Selector(tuple(Requirement(key, "In", (value,)) for key, value in sorted(labels.items())))


def from_object(selector: Mapping[str, Any] | None) -> Selector | None:
    """The selector of a metav1.LabelSelector; None (matches nothing) stays None."""
    if selector is None:
        return None
    expressions = tuple(
        Requirement(str(entry["key"]), str(entry["operator"]), tuple(entry.get("values") or ()))
        for entry in selector.get("matchExpressions") or ()
    )
    return Selector(from_labels(selector.get("matchLabels") or {}).requirements + expressions)
