"""The synthesized templates of dev, by type and property. One real synthesis a session, without account, credentials or network."""

from __future__ import annotations

import importlib.metadata
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infra.environments import DEV
from infra.outputs import Output
from infra.services import SERVICES
from tests.infra.conftest import REPOSITORY

# looked for, not imported: the CDK starts Node.js at its import, which only infra.synth knows how to find
if not any(found.name == "aws-cdk-lib" for found in importlib.metadata.distributions()):
    pytest.skip("aws-cdk-lib is not installed here: run `tox -e infra`", allow_module_level=True)

from infra.gate.lint import lint_errors
from infra.render import difference, rendered_files, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def synthesized() -> dict[str, bytes]:
    return rendered_files(DEV)


@pytest.fixture(scope="module")
def documents(synthesized: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    return {name: json.loads(content) for name, content in synthesized.items() if name.endswith(".template.json")}


@pytest.fixture(scope="module")
def resources(documents: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [resource for document in documents.values() for resource in document["Resources"].values()]


def _of_type(resources: list[dict[str, Any]], type_name: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in resources if resource["Type"] == type_name]


def test_given_the_sources_then_the_committed_output_is_what_they_render_to(synthesized: dict[str, bytes]) -> None:
    assert difference(REPOSITORY / "infra" / "rendered" / "dev", synthesized) is None


def test_given_a_directory_that_differs_then_every_difference_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"1", "b/c": b"2", "d": b"3"})
    assert difference(tmp_path, {"a": b"1", "b/c": b"2", "d": b"3"}) is None
    assert difference(tmp_path, {"a": b"other", "b/c": b"2", "e": b"4"}) == "missing e; not rendered d; differing a"


def test_given_the_templates_then_cfn_lint_has_no_error(documents: dict[str, dict[str, Any]]) -> None:
    errors = {name: lint_errors(json.dumps(document), region=DEV.region) for name, document in documents.items()}
    assert errors == {name: [] for name in documents}


def test_given_a_property_that_does_not_exist_then_cfn_lint_names_it() -> None:
    template = {"Resources": {"Data": {"Type": "AWS::S3::Bucket", "Properties": {"Versioned": True}}}}
    (error,) = lint_errors(json.dumps(template), region=DEV.region)
    assert error.startswith("E3002 at Resources/Data/Properties/Versioned: ")


def test_given_the_stacks_then_each_is_listed_after_what_it_depends_on(synthesized: dict[str, bytes]) -> None:
    listed = json.loads(synthesized["templates/stacks.json"])
    seen: set[str] = set()
    for stack in listed:
        assert set(stack["depends_on"]) <= seen
        assert f"templates/{stack['template']}" in synthesized
        seen.add(stack["name"])


def test_given_an_import_then_the_stack_depends_on_the_one_that_exports(
    synthesized: dict[str, bytes], documents: dict[str, dict[str, Any]]
) -> None:
    for stack in json.loads(synthesized["templates/stacks.json"]):
        text = json.dumps(documents[f"templates/{stack['template']}"])
        imported = {part.split(":")[0] for part in text.split('"Fn::ImportValue": "')[1:]}
        assert imported <= set(stack["depends_on"])


def test_given_the_outputs_then_every_key_appears_once(documents: dict[str, dict[str, Any]]) -> None:
    keys = Counter(key for document in documents.values() for key in document.get("Outputs", {}))
    assert {key: keys[key] for key in Output} == dict.fromkeys(Output, 1)


def test_given_a_template_then_it_carries_nothing_of_the_machine_or_the_bootstrap(
    synthesized: dict[str, bytes],
) -> None:
    text = b"".join(synthesized[name] for name in sorted(synthesized)).decode()
    for foreign in ("BootstrapVersion", "aws:cdk:path", "CDKMetadata", "aws:asset", str(REPOSITORY)):
        assert foreign not in text


@pytest.mark.parametrize("pool", DEV.node_pools, ids=lambda pool: pool.name)
def test_given_a_pool_then_its_node_group_has_its_labels_taints_types_and_sizes(
    resources: list[dict[str, Any]], pool: Any
) -> None:
    (group,) = (g for g in _of_type(resources, "AWS::EKS::Nodegroup") if g["NodegroupName"] == pool.name)
    assert group["Labels"] == pool.labels
    assert [(t["Key"], t["Value"], t["Effect"]) for t in group.get("Taints", [])] == [
        (taint.key, taint.value, "NO_SCHEDULE") for taint in pool.taints
    ]
    assert group["InstanceTypes"] == list(pool.instance_types)
    assert group["CapacityType"] == pool.capacity_type
    assert (group["ScalingConfig"]["MinSize"], group["ScalingConfig"]["MaxSize"]) == (pool.min_size, pool.max_size)
    assert len(group["Subnets"]) == len(DEV.zones)


def test_given_the_network_then_there_is_a_private_and_a_public_subnet_in_each_zone(
    resources: list[dict[str, Any]],
) -> None:
    subnets = Counter(subnet["AvailabilityZone"] for subnet in _of_type(resources, "AWS::EC2::Subnet"))
    assert subnets == dict.fromkeys(DEV.zones, 2)
    assert len(_of_type(resources, "AWS::EC2::NatGateway")) == 1


def test_given_the_endpoints_then_s3_is_a_gateway_and_each_other_is_private(resources: list[dict[str, Any]]) -> None:
    endpoints = _of_type(resources, "AWS::EC2::VPCEndpoint")
    interfaces = [e for e in endpoints if e["VpcEndpointType"] == "Interface"]
    assert len(interfaces) == len(DEV.interface_endpoints)
    assert all(endpoint["PrivateDnsEnabled"] for endpoint in interfaces)
    assert len([e for e in endpoints if e["VpcEndpointType"] == "Gateway"]) == 1


def test_given_the_bucket_then_it_is_versioned_encrypted_tiered_and_closed(resources: list[dict[str, Any]]) -> None:
    (bucket,) = _of_type(resources, "AWS::S3::Bucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert "BucketEncryption" in bucket
    assert "BucketName" not in bucket
    transitions = [t for rule in bucket["LifecycleConfiguration"]["Rules"] for t in rule.get("Transitions", [])]
    assert [t["StorageClass"] for t in transitions] == ["INTELLIGENT_TIERING"]
    (policy,) = _of_type(resources, "AWS::S3::BucketPolicy")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_given_the_file_system_then_it_is_encrypted_and_has_a_mount_target_a_zone(
    resources: list[dict[str, Any]],
) -> None:
    (file_system,) = _of_type(resources, "AWS::EFS::FileSystem")
    assert file_system["Encrypted"] is True
    assert len(_of_type(resources, "AWS::EFS::MountTarget")) == len(DEV.zones)


def test_given_the_registry_then_every_service_has_a_scanned_repository_of_fixed_tags(
    resources: list[dict[str, Any]],
) -> None:
    repositories = {r["RepositoryName"]: r for r in _of_type(resources, "AWS::ECR::Repository")}
    assert repositories.keys() == {service.repository for service in SERVICES}
    for repository in repositories.values():
        assert repository["ImageTagMutability"] == "IMMUTABLE"
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


def test_given_the_cluster_then_it_has_the_version_and_the_addons_that_the_plan_needs(
    resources: list[dict[str, Any]],
) -> None:
    (cluster,) = _of_type(resources, "AWS::EKS::Cluster")
    assert (cluster["Version"], cluster["Name"]) == ("1.36", "em-pipeline-dev")
    assert {addon["AddonName"] for addon in _of_type(resources, "AWS::EKS::Addon")} == {
        "vpc-cni",
        "kube-proxy",
        "coredns",
        "eks-pod-identity-agent",
        "aws-efs-csi-driver",
        "metrics-server",
    }


def _statements_of(documents: dict[str, dict[str, Any]], account: str) -> list[dict[str, Any]]:
    """The policy statements of the role that the association gives to a service account."""
    for document in documents.values():
        for association in document["Resources"].values():
            if association["Properties"].get("ServiceAccount") == account:
                role = association["Properties"]["RoleArn"]["Fn::GetAtt"][0]
                return [
                    statement
                    for policy in document["Resources"].values()
                    if {"Ref": role} in policy["Properties"].get("Roles", [])
                    for statement in policy["Properties"]["PolicyDocument"]["Statement"]
                ]
    raise AssertionError(f"no association of {account}")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_given_a_service_then_its_role_reaches_its_own_prefix_and_nothing_else(
    documents: dict[str, dict[str, Any]], service: Any
) -> None:
    statements = _statements_of(documents, service.name)
    actions = {a for s in statements for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])}
    objects = {
        json.dumps(s["Resource"]).rsplit('"/', 1)[-1].rstrip('"]}') for s in statements if "ListBucket" not in str(s)
    }
    if service.writes_prefix is None:
        assert actions == {"s3:GetObject", "s3:ListBucket"}
        assert objects == {"*"}
    else:
        assert actions == {"s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject", "s3:ListBucket"}
        assert objects == {f"{service.name}/*"}


def test_given_the_autoscaler_then_it_may_read_node_groups_and_change_only_its_own(
    documents: dict[str, dict[str, Any]],
) -> None:
    looks, changes = _statements_of(documents, "cluster-autoscaler")
    assert "eks:DescribeNodegroup" in looks["Action"]  # scale from zero reads labels and taints there
    assert all(action.split(":")[1].startswith(("Describe", "Get")) for action in looks["Action"])
    assert changes["Condition"] == {
        "StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/em-pipeline-dev": "owned"}
    }


def test_given_the_roles_then_none_may_do_everything(documents: dict[str, dict[str, Any]]) -> None:
    for document in documents.values():
        for resource in document["Resources"].values():
            if resource["Type"] == "AWS::IAM::Policy":
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
                    assert not [action for action in actions if "*" in action]


def test_given_no_account_then_data_of_dev_goes_with_its_stack(resources: list[dict[str, Any]]) -> None:
    kept = [r["Type"] for r in resources if r.get("DeletionPolicy") == "Retain"]
    assert (DEV.keeps_data, kept) == (False, [])
