"""Provisioning against a real moto: the rendered dev environment, what reads back differently, and what the models take from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.cloud.assembly import Assembly, Treatment, load, parse_stack
from harness.cloud.estate import Taint, survey
from harness.cloud.provision import Provisioned, ProvisionFailed, ReadBackDiffers, provision
from harness.cloud.provision.model import Physical, ResourceType, Wanted
from harness.cloud.provision.types import PROVISIONED
from harness.cloud.standin import MotoStandin, Services

DEV = Path(__file__).parents[3] / "infra" / "rendered" / "dev"


@pytest.fixture(scope="module")
def dev(moto: MotoStandin) -> tuple[Services, Provisioned]:
    moto.reset(7, "us-east-1")
    services = Services(moto.endpoint_url, "us-east-1")
    return services, provision(load(DEV), services)


@pytest.mark.slow
def test_given_the_rendered_templates_when_they_are_provisioned_then_every_resource_is_accounted_for(
    dev: tuple[Services, Provisioned],
) -> None:
    _services, provisioned = dev
    assert provisioned.coverage.of(Treatment.NOT_COVERED) == []
    assert len(provisioned.coverage.lines) == len(load(DEV).resources())
    unapplied = {line.type: line.unapplied for line in provisioned.coverage.lines if line.unapplied}
    assert unapplied == {"AWS::IAM::Role": ("ManagedPolicyArns",)}


@pytest.mark.slow
def test_given_the_rendered_templates_when_they_are_provisioned_then_the_bucket_is_as_the_template_says(
    dev: tuple[Services, Provisioned],
) -> None:
    services, provisioned = dev
    bucket = provisioned.outputs["DataBucketName"]
    s3 = services.client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rules[0]["Transitions"] == [{"Days": 1, "StorageClass": "INTELLIGENT_TIERING"}]
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is True


@pytest.mark.slow
def test_given_equal_seeds_when_the_environment_is_provisioned_again_then_ids_are_the_same(
    dev: tuple[Services, Provisioned], moto: MotoStandin
) -> None:
    _services, provisioned = dev
    moto.reset(7, "us-east-1")
    again = provision(load(DEV), Services(moto.endpoint_url, "us-east-1"))
    assert dict(again.outputs) == dict(provisioned.outputs)


@pytest.mark.slow
def test_given_the_provisioned_environment_when_it_is_surveyed_then_the_models_have_what_they_need(
    dev: tuple[Services, Provisioned],
) -> None:
    estate = survey(dev[1])
    groups = {group.name: group for group in estate.node_groups}
    assert sorted(groups) == ["heavy-processing", "small-loaders", "system"]
    small = groups["small-loaders"]
    assert (small.capacity_type, small.min_size, small.max_size, small.desired_size) == ("SPOT", 0, 2, 0)
    assert small.labels == {"workload-type": "small-loaders"}
    assert small.taints == (Taint("workload-type", "small-loaders", "NoSchedule"),)
    assert small.zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    assert groups["system"].taints == ()
    assert estate.has_addon("eks-pod-identity-agent")
    association = estate.pod_identity("em-pipeline", "ebi")
    assert association is not None
    assert association.role_arn.startswith("arn:aws:iam::123456789012:role/")
    assert estate.pod_identity("em-pipeline", "stranger") is None
    assert estate.nat_gateways == 1
    assert estate.interface_endpoint_zones == 3 * 7
    assert estate.gateway_endpoints == ("s3",)
    assert estate.buckets == (dev[1].outputs["DataBucketName"],)


def _one(resource_type: str, **properties: Any) -> Assembly:
    return Assembly((parse_stack("stack", {"Resources": {"R": {"Type": resource_type, "Properties": properties}}}),))


def test_given_a_property_that_the_stand_in_drops_when_it_is_read_back_then_resource_field_and_values_are_named(
    moto: MotoStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto.reset(1, "us-east-1")
    services = Services(moto.endpoint_url, "us-east-1")
    bucket = PROVISIONED["AWS::S3::Bucket"]
    create = type(bucket).create

    def forgetful(self: ResourceType, services: Services, wanted: Wanted) -> Physical:
        physical = create(self, services, wanted)
        services.client("s3").put_bucket_versioning(
            Bucket=physical.ref, VersioningConfiguration={"Status": "Suspended"}
        )
        return physical

    monkeypatch.setattr(type(bucket), "create", forgetful)
    with pytest.raises(ReadBackDiffers) as caught:
        provision(_one("AWS::S3::Bucket", VersioningConfiguration={"Status": "Enabled"}), services)

    assert str(caught.value) == (
        "stack/R (AWS::S3::Bucket): Versioning should be 'Enabled', the stand-in has 'Suspended'"
    )


def test_given_a_refused_property_when_it_is_provisioned_then_the_error_names_the_resource(moto: MotoStandin) -> None:
    moto.reset(1, "us-east-1")
    with pytest.raises(ProvisionFailed, match=r"stack/R \(AWS::ECR::Repository\): could not be created"):
        provision(_one("AWS::ECR::Repository", RepositoryName="Not Allowed"), Services(moto.endpoint_url, "us-east-1"))


def test_given_a_missing_property_when_it_is_provisioned_then_the_error_names_it(moto: MotoStandin) -> None:
    with pytest.raises(ProvisionFailed, match="property 'AssumeRolePolicyDocument' is missing"):
        provision(_one("AWS::IAM::Role"), Services(moto.endpoint_url, "us-east-1"))


def test_given_a_type_that_nobody_knows_when_it_is_provisioned_then_coverage_says_so(moto: MotoStandin) -> None:
    provisioned = provision(_one("AWS::Neptune::DBCluster"), Services(moto.endpoint_url, "us-east-1"))
    assert [line.type for line in provisioned.coverage.of(Treatment.NOT_COVERED)] == ["AWS::Neptune::DBCluster"]


def test_given_a_property_that_no_module_applies_when_it_is_provisioned_then_coverage_says_so(
    moto: MotoStandin,
) -> None:
    moto.reset(1, "us-east-1")
    provisioned = provision(
        _one("AWS::S3::Bucket", AccelerateConfiguration={"AccelerationStatus": "Enabled"}),
        Services(moto.endpoint_url, "us-east-1"),
    )
    assert provisioned.coverage.lines[0].unapplied == ("AccelerateConfiguration",)
