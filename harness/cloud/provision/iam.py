"""IAM: roles with their trust, and policies. They are stored; nothing evaluates them yet, every call of a pod is let
through.

AWS's own managed policies are not at the stand-in (moto can load them, for two seconds a reset), so
`ManagedPolicyArns` is listed as not applied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.cloud.provision.model import Fields, Made, Physical, Wanted, given, tag_map, tags_of
from harness.cloud.standin import Services


class Role:
    """AWS::IAM::Role."""

    name = "AWS::IAM::Role"
    applied = frozenset(
        {
            "AssumeRolePolicyDocument",
            "Description",
            "MaxSessionDuration",
            "Path",
            "Policies",
            "RoleName",
            "Tags",
        }
    )

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateRole, then what it carries."""
        iam = services.client("iam")
        properties = wanted.properties
        name = str(properties.get("RoleName") or wanted.physical_name(64))
        created = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            Tags=tags_of(wanted),
            **given(properties, "Description", "MaxSessionDuration", "Path"),
        )["Role"]
        for policy in properties.get("Policies") or ():
            document = json.dumps(policy["PolicyDocument"])
            iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
        return Physical(name, {"Arn": created["Arn"], "RoleId": created["RoleId"]})

    def expected(self, made: Made) -> Fields:
        """Trust and tags."""
        properties = made.wanted.properties
        return {
            "AssumeRolePolicyDocument": properties["AssumeRolePolicyDocument"],
            "Tags": tag_map(tags_of(made.wanted)),
        }

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:  # noqa: ARG002 - one call lists all
        """GetAccountAuthorizationDetails once: it has all of it."""
        return {
            name: {
                "AssumeRolePolicyDocument": entry["AssumeRolePolicyDocument"],
                "Tags": tag_map(entry.get("Tags")),
            }
            for name, entry in _roles(services).items()
        }


class Policy:
    """AWS::IAM::Policy: one inline policy in several roles."""

    name = "AWS::IAM::Policy"
    applied = frozenset({"PolicyDocument", "PolicyName", "Roles"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """PutRolePolicy for each role."""
        properties = wanted.properties
        document = json.dumps(properties["PolicyDocument"])
        for role in properties.get("Roles") or ():
            services.client("iam").put_role_policy(
                RoleName=role, PolicyName=properties["PolicyName"], PolicyDocument=document
            )
        return Physical(str(properties["PolicyName"]))

    def expected(self, made: Made) -> Fields:
        """The document in each role."""
        properties = made.wanted.properties
        return {str(role): properties["PolicyDocument"] for role in properties.get("Roles") or ()}

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """GetAccountAuthorizationDetails once."""
        roles = _roles(services)
        return {
            one.physical.ref: {
                role: _inline(roles.get(role), one.physical.ref) for role in one.wanted.properties.get("Roles") or ()
            }
            for one in made
        }


def _roles(services: Services) -> dict[str, Any]:
    details = services.client("iam").get_account_authorization_details(Filter=["Role"])
    return {entry["RoleName"]: entry for entry in details["RoleDetailList"]}


def _inline(role: Mapping[str, Any] | None, policy: str) -> Any:
    entries = (role or {}).get("RolePolicyList") or ()
    return next((entry["PolicyDocument"] for entry in entries if entry["PolicyName"] == policy), None)
