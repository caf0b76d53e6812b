"""Resolves CloudFormation's intrinsic functions in a value, given a scope that knows parameters, resources and exports.

Known: Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::Select, Fn::Split, Fn::ImportValue, Fn::If (with Fn::Equals, Fn::And,
Fn::Or, Fn::Not and Condition), Fn::FindInMap, Fn::GetAZs, Fn::Base64 and the pseudo parameters. Any other `Fn::` is
an error that names its place: nothing is passed on unresolved. `AWS::NoValue` removes the property or the list entry,
as CloudFormation does.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from harness.cloud.assembly.errors import UnknownIntrinsic, Unresolvable

NO_VALUE = object()
"""What `Ref: AWS::NoValue` resolves to; it never leaves this module."""

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]*)\}")


class Scope(Protocol):
    """What the functions look things up in; each lookup raises Unresolvable with the place."""

    def ref(self, name: str, place: str) -> Any:
        """A pseudo parameter, a parameter or a resource's physical id."""

    def attribute(self, logical_id: str, attribute: str, place: str) -> Any:
        """Fn::GetAtt."""

    def import_value(self, export: str, place: str) -> Any:
        """Fn::ImportValue."""

    def condition(self, name: str, place: str) -> bool:
        """A named condition."""

    def mapping(self, name: str, place: str) -> Mapping[str, Any]:
        """A map of `Mappings`."""

    def zones(self, region: str, place: str) -> list[str]:
        """Fn::GetAZs."""


def resolve(value: Any, scope: Scope, place: str) -> Any:
    """`value` with every function replaced by its result.

    Raises UnknownIntrinsic or Unresolvable, naming `place`.
    """
    resolved = _resolve(value, scope, place)
    if resolved is NO_VALUE:
        return None
    return resolved


def is_condition_met(expression: Any, scope: Scope, place: str) -> bool:
    """The truth of a condition expression."""
    if isinstance(expression, dict) and len(expression) == 1:
        (name, argument), *_ = expression.items()
        if name == "Condition":
            return scope.condition(str(argument), place)
        if name == "Fn::Equals":
            left, right = (_resolve(side, scope, place) for side in argument)
            return bool(left == right)
        if name == "Fn::And":
            return all(is_condition_met(part, scope, place) for part in argument)
        if name == "Fn::Or":
            return any(is_condition_met(part, scope, place) for part in argument)
        if name == "Fn::Not":
            return not is_condition_met(argument[0], scope, place)
    raise UnknownIntrinsic(f"{place}: a condition cannot be {expression!r}")


def _resolve(value: Any, scope: Scope, place: str) -> Any:
    if isinstance(value, list):
        items = [_resolve(item, scope, f"{place}[{index}]") for index, item in enumerate(value)]
        return [item for item in items if item is not NO_VALUE]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        (name, argument), *_ = value.items()
        if name == "Ref":
            return NO_VALUE if argument == "AWS::NoValue" else scope.ref(str(argument), place)
        if name.startswith("Fn::"):
            function = _FUNCTIONS.get(name)
            if function is None:
                raise UnknownIntrinsic(
                    f"{place}: {name} is not resolved here, known are {', '.join(sorted(_FUNCTIONS))}"
                )
            return function(argument, scope, place)
    members = {key: _resolve(item, scope, f"{place}.{key}") for key, item in value.items()}
    return {key: item for key, item in members.items() if item is not NO_VALUE}


def _get_att(argument: Any, scope: Scope, place: str) -> Any:
    parts = argument.split(".", 1) if isinstance(argument, str) else list(argument)
    return scope.attribute(str(parts[0]), str(_resolve(parts[1], scope, place)), place)


def _sub(argument: Any, scope: Scope, place: str) -> str:
    text, given = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
    names = {key: _resolve(item, scope, place) for key, item in given.items()}

    def replace(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return f"${{{name}}}"
        if name in names:
            return str(names[name])
        if "." in name:
            return str(_get_att(name, scope, place))
        return str(scope.ref(name, place))

    return _SUBSTITUTION.sub(replace, text)


def _join(argument: Any, scope: Scope, place: str) -> str:
    separator, items = argument
    resolved = _resolve(items, scope, place)
    if not isinstance(resolved, list):
        raise Unresolvable(f"{place}: Fn::Join wants a list, found {resolved!r}")
    return str(separator).join(str(item) for item in resolved)


def _select(argument: Any, scope: Scope, place: str) -> Any:
    index, items = int(_resolve(argument[0], scope, place)), _resolve(argument[1], scope, place)
    if not isinstance(items, list) or not 0 <= index < len(items):
        raise Unresolvable(f"{place}: Fn::Select has no entry {index} in {items!r}")
    return items[index]


def _split(argument: Any, scope: Scope, place: str) -> list[str]:
    separator, text = argument
    return str(_resolve(text, scope, place)).split(str(separator))


def _import_value(argument: Any, scope: Scope, place: str) -> Any:
    return scope.import_value(str(_resolve(argument, scope, place)), place)


def _if(argument: Any, scope: Scope, place: str) -> Any:
    name, yes, no = argument
    return _resolve(yes if scope.condition(str(name), place) else no, scope, place)


def _find_in_map(argument: Any, scope: Scope, place: str) -> Any:
    name, first, second = (_resolve(part, scope, place) for part in argument[:3])
    found = scope.mapping(str(name), place).get(str(first), {}).get(str(second), NO_VALUE)
    if found is NO_VALUE:
        raise Unresolvable(f"{place}: Fn::FindInMap finds no {first}.{second} in {name}")
    return found


def _get_azs(argument: Any, scope: Scope, place: str) -> list[str]:
    return scope.zones(str(_resolve(argument, scope, place) or scope.ref("AWS::Region", place)), place)


def _base64(argument: Any, scope: Scope, place: str) -> str:
    return base64.b64encode(str(_resolve(argument, scope, place)).encode()).decode()


_FUNCTIONS: dict[str, Callable[[Any, Scope, str], Any]] = {
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::ImportValue": _import_value,
    "Fn::If": _if,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::Base64": _base64,
}
