"""What intrinsic functions see while a stack is provisioned: its parameters and conditions, resources made so far,
exports of earlier stacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cloud.assembly.errors import Unresolvable
from harness.cloud.assembly.intrinsics import is_condition_met
from harness.cloud.assembly.template import Stack
from harness.cloud.provision.model import Physical


class StackScope:
    """Implements `harness.cloud.assembly.intrinsics.Scope` for one stack."""

    def __init__(self, stack: Stack, *, region: str, account_id: str, exports: Mapping[str, Any]) -> None:
        self._stack = stack
        self._exports = exports
        self._made: dict[str, Physical] = {}
        self._region = region
        self._pseudo = {
            "AWS::AccountId": account_id,
            "AWS::Partition": "aws",
            "AWS::Region": region,
            "AWS::StackName": stack.name,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{account_id}:stack/{stack.name}/{stack.name}",
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._parameters = {name: self._parameter(name, spec) for name, spec in stack.parameters.items()}

    def add(self, logical_id: str, physical: Physical) -> None:
        """A resource exists now."""
        self._made[logical_id] = physical

    def ref(self, name: str, place: str) -> Any:
        """A pseudo parameter, a parameter or a resource's physical id."""
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        if name in self._made:
            return self._made[name].ref
        raise Unresolvable(f"{place}: Ref {name} is neither a parameter nor a resource of stack {self._stack.name}")

    def attribute(self, logical_id: str, attribute: str, place: str) -> Any:
        """An attribute that the resource's module gives."""
        physical = self._made.get(logical_id)
        if physical is None:
            raise Unresolvable(f"{place}: Fn::GetAtt {logical_id} is no resource of stack {self._stack.name}")
        if attribute not in physical.attributes:
            known = ", ".join(sorted(physical.attributes)) or "none"
            kind = self._stack.resources[logical_id].type
            raise Unresolvable(f"{place}: {logical_id} ({kind}) has no attribute {attribute} here, known are {known}")
        return physical.attributes[attribute]

    def import_value(self, export: str, place: str) -> Any:
        """What an earlier stack exports."""
        if export not in self._exports:
            raise Unresolvable(f"{place}: no stack before {self._stack.name} exports {export}")
        return self._exports[export]

    def condition(self, name: str, place: str) -> bool:
        """A named condition of the stack."""
        if name not in self._stack.conditions:
            raise Unresolvable(f"{place}: condition {name} is not defined in stack {self._stack.name}")
        return is_condition_met(self._stack.conditions[name], self, f"{self._stack.name}/Conditions/{name}")

    def mapping(self, name: str, place: str) -> Mapping[str, Any]:
        """A map of the stack."""
        if name not in self._stack.mappings:
            raise Unresolvable(f"{place}: mapping {name} is not defined in stack {self._stack.name}")
        found: Mapping[str, Any] = self._stack.mappings[name]
        return found

    def zones(self, region: str, place: str) -> list[str]:
        """Three zones, as the accounts that this project speaks of have them."""
        if region != self._region:
            raise Unresolvable(f"{place}: Fn::GetAZs of {region}, but the stacks are in {self._region}")
        return [f"{region}{letter}" for letter in "abc"]

    def _parameter(self, name: str, spec: Mapping[str, Any]) -> Any:
        place = f"{self._stack.name}/Parameters/{name}"
        if "AWS::SSM::" in str(spec.get("Type", "")):
            raise Unresolvable(
                f"{place}: an SSM parameter has no value here, render without it (no bootstrap version rule)"
            )
        if "Default" not in spec:
            raise Unresolvable(
                f"{place}: a parameter without Default, give it one or render the value into the template"
            )
        default = spec["Default"]
        if "List" in str(spec.get("Type", "")) and isinstance(default, str):
            return default.split(",")
        return default
