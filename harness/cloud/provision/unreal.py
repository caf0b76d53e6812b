"""Physical ids of resources that exist nowhere but in the template, so that what refers to them still resolves."""

from __future__ import annotations

from harness.cloud.provision.model import Physical, Wanted


def imagine(wanted: Wanted, *, region: str, account_id: str) -> Physical:
    """A `Ref` and the attribute Arn, in the form that the type has where it is known, else CloudFormation's made-up name."""
    properties = wanted.properties
    arn = f"arn:aws:eks:{region}:{account_id}"
    match wanted.type:
        case "AWS::EKS::Addon":
            cluster, addon = properties["ClusterName"], properties["AddonName"]
            return Physical(f"{cluster}|{addon}", {"Arn": f"{arn}:addon/{cluster}/{addon}/{wanted.physical_name(36)}"})
        case "AWS::EKS::PodIdentityAssociation":
            cluster = properties["ClusterName"]
            association = "a-" + wanted.physical_name(128)[-12:].lower()
            whole = f"{arn}:podidentityassociation/{cluster}/{association}"
            return Physical(whole, {"AssociationArn": whole, "AssociationId": association})
        case "AWS::EKS::AccessEntry":
            cluster, principal = properties["ClusterName"], properties["PrincipalArn"]
            return Physical(f"{principal}|{cluster}", {"AccessEntryArn": f"{arn}:access-entry/{cluster}/{principal}"})
    name = wanted.physical_name(128)
    service = wanted.type.split("::")[1].lower()
    return Physical(name, {"Arn": f"arn:aws:{service}:{region}:{account_id}:{name}"})
