"""Provisions an assembly: resolves and creates each resource in order, reads back type by type, and gives outputs and
coverage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from harness.cloud.assembly.coverage import Coverage, Covered, Treatment
from harness.cloud.assembly.errors import Unresolvable
from harness.cloud.assembly.intrinsics import resolve
from harness.cloud.assembly.order import creation_order
from harness.cloud.assembly.template import Assembly, Stack, TemplateResource
from harness.cloud.provision.model import Difference, Made, Physical, ProvisionFailed, ReadBackDiffers, Wanted
from harness.cloud.provision.scope import StackScope
from harness.cloud.provision.types import PROVISIONED, treatment_of
from harness.cloud.provision.unreal import imagine
from harness.cloud.standin import ACCOUNT_ID, Services

Resource = Made
"""A resource of the template with its resolved properties and its physical id."""


@dataclass(frozen=True)
class Provisioned:
    """What came of an assembly."""

    region: str
    account_id: str
    resources: tuple[Resource, ...]
    outputs: Mapping[str, str]
    coverage: Coverage

    def of_type(self, resource_type: str) -> list[Resource]:
        """The resources of one CloudFormation type, in creation order."""
        return [resource for resource in self.resources if resource.wanted.type == resource_type]


def provision(assembly: Assembly, services: Services, *, account_id: str = ACCOUNT_ID) -> Provisioned:
    """Create everything that `assembly` describes and check that it is there.

    Raises AssemblyError for a template that cannot be resolved, ProvisionFailed when a call fails, ReadBackDiffers when the stand-in holds something else.
    """
    made: list[Made] = []
    outputs: dict[str, str] = {}
    exports: dict[str, Any] = {}
    for stack in assembly.stacks:
        made += _create_stack(stack, services, account_id, outputs, exports)
    _check(services, made)
    by_place = {one.wanted.place: one for one in made}
    lines = [_covered(resource, by_place.get(resource.place)) for resource in assembly.resources()]
    return Provisioned(services.region, account_id, tuple(made), outputs, Coverage(lines))


def _create_stack(
    stack: Stack, services: Services, account_id: str, outputs: dict[str, str], exports: dict[str, Any]
) -> list[Made]:
    scope = StackScope(stack, region=services.region, account_id=account_id, exports=exports)
    made: list[Made] = []
    for resource in creation_order(stack):
        if resource.condition is not None and not scope.condition(resource.condition, resource.place):
            continue
        properties = resolve(resource.properties, scope, resource.place)
        wanted = Wanted(stack.name, resource.logical_id, resource.type, properties)
        physical = _create(services, wanted, account_id)
        scope.add(resource.logical_id, physical)
        made.append(Made(wanted, physical))
    for key, output in stack.outputs.items():
        place = f"{stack.name}/Outputs/{key}"
        if "Condition" in output and not scope.condition(str(output["Condition"]), place):
            continue
        value = resolve(output["Value"], scope, place)
        if outputs.get(key, value) != value:
            raise Unresolvable(f"{place}: another stack has an output {key} with another value, name one differently")
        outputs[key] = value
        if "Export" in output:
            exports[str(resolve(output["Export"]["Name"], scope, place))] = value
    return made


def _create(services: Services, wanted: Wanted, account_id: str) -> Physical:
    resource_type = PROVISIONED.get(wanted.type)
    if resource_type is None:
        return imagine(wanted, region=services.region, account_id=account_id)
    try:
        return resource_type.create(services, wanted)
    except (ClientError, BotoCoreError) as error:
        raise ProvisionFailed(f"{wanted.place}: could not be created: {error}") from error
    except KeyError as error:
        raise ProvisionFailed(f"{wanted.place}: property {error} is missing from the template") from error


def _check(services: Services, made: Sequence[Made]) -> None:
    """Read everything back.

    Raises ReadBackDiffers with every difference.
    """
    differences: list[Difference] = []
    for name, resource_type in PROVISIONED.items():
        mine = [one for one in made if one.wanted.type == name]
        if not mine:
            continue
        try:
            read = resource_type.read(services, mine)
        except (ClientError, BotoCoreError) as error:
            raise ProvisionFailed(f"{name}: could not be read back: {error}") from error
        for one in mine:
            expected, found = resource_type.expected(one), read.get(one.physical.ref, {})
            differences += [
                Difference(one.wanted.place, field, value, found.get(field))
                for field, value in expected.items()
                if found.get(field) != value
            ]
    if differences:
        raise ReadBackDiffers(differences)


def _covered(resource: TemplateResource, made: Made | None) -> Covered:
    treatment = treatment_of(resource.type)
    unapplied: tuple[str, ...] = ()
    if treatment is Treatment.PROVISIONED and made is not None:
        unapplied = tuple(sorted(set(made.wanted.properties) - PROVISIONED[resource.type].applied))
    return Covered(resource.stack, resource.logical_id, resource.type, treatment, unapplied)
