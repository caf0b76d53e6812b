"""Patches, applied to the rendered manifests' own objects as an API server applies them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from harness.cloud.agent import TOKEN_FILE
from harness.cloud.estate import Addon, ClusterSpec, Estate, PodIdentity
from harness.cluster.store.patching.json_patch import json_patch
from harness.kube.objects import freeze
from harness.targets.kind.admission import TICKET, Mutations, Review, agent_environment, mutate_pod, mutate_volume

ROLE = "arn:aws:iam::123456789012:role/ebi"
ESTATE = Estate(
    region="us-east-1",
    account_id="123456789012",
    cluster=ClusterSpec("em-pipeline-dev", "1.36"),
    addons=(Addon("eks-pod-identity-agent"), Addon("aws-efs-csi-driver")),
    pod_identities=(PodIdentity("em-pipeline", "ebi", ROLE, "a-1"),),
)
BARE = Estate(
    region="us-east-1", account_id="123456789012", cluster=ESTATE.cluster, pod_identities=ESTATE.pod_identities
)
EFS = PurePosixPath("/shared/efs")


def loader(**spec: Any) -> dict[str, Any]:
    """A pod as the rendered Job of a loader makes it."""
    container = {
        "name": "main",
        "image": "registry/em-pipeline-ebi:0.1.0",
        "env": [{"name": "AWS_REGION", "value": "us-east-1"}, {"name": "TMPDIR", "value": "/scratch"}],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    return {
        "metadata": {"generateName": "ebi-", "labels": {"app": "ebi"}},
        "spec": {
            "serviceAccountName": "ebi",
            "containers": [container],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
            **spec,
        },
    }


def shared_volume(**spec: Any) -> dict[str, Any]:
    """The rendered PersistentVolume, with the stacks' outputs filled in."""
    csi = {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1"}
    return {
        "metadata": {"name": "em-shared"},
        "spec": {"mountOptions": ["accesspoint=fsap-2"], "storageClassName": "efs", "csi": csi, **spec},
    }


def patched(obj: dict[str, Any], patch: list[dict[str, Any]]) -> Any:
    return json_patch(freeze(obj), patch)


def variables(container: dict[str, Any]) -> dict[str, str]:
    names = [entry["name"] for entry in container["env"]]
    assert len(names) == len(set(names))
    return {entry["name"]: entry["value"] for entry in container["env"]}


def test_given_a_loader_when_it_is_admitted_then_it_knows_the_gateway_and_keeps_what_it_declares() -> None:
    env = agent_environment("eu-west-1", "http://172.18.0.1:4566") | {"EM_SOURCE_EBI_API_URL": "http://172.18.0.1:1"}

    pod = patched(loader(), mutate_pod(loader(), env=env, identity=False))

    assert variables(pod["spec"]["containers"][0]) == {
        "AWS_REGION": "us-east-1",
        "TMPDIR": "/scratch",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://172.18.0.1:4566",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://169.254.169.254",
        "EM_SOURCE_EBI_API_URL": "http://172.18.0.1:1",
    }
    assert pod["spec"]["volumes"] == loader()["spec"]["volumes"]
    assert pod["metadata"] == loader()["metadata"]


def test_given_a_role_when_a_pod_is_admitted_then_its_token_is_projected_as_eks_does() -> None:
    pod = patched(loader(), mutate_pod(loader(), env={}, identity=True))

    given = variables(pod["spec"]["containers"][0])
    assert given["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://169.254.170.23/v1/credentials"
    assert given["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == TOKEN_FILE
    token = {"audience": "pods.eks.amazonaws.com", "expirationSeconds": 86400, "path": "eks-pod-identity-token"}
    assert pod["spec"]["volumes"] == [
        {"name": "eks-pod-identity-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "scratch", "emptyDir": {}},
    ]
    assert pod["spec"]["containers"][0]["volumeMounts"][-1] == {
        "name": "eks-pod-identity-token",
        "mountPath": "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
        "readOnly": True,
    }
    assert pod["metadata"]["labels"] == {"app": "ebi", "eks.amazonaws.com/pod-identity": "enabled"}


def test_given_init_containers_and_a_bare_container_when_admitted_then_all_get_the_same() -> None:
    bare = loader(containers=[{"name": "main"}], initContainers=[{"name": "first"}], volumes=None)

    pod = patched(bare, mutate_pod(bare, env={"A": "1"}, identity=True))

    (first,), (main,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    assert first == {**main, "name": "first"}
    assert variables(main)["A"] == "1"
    assert [volume["name"] for volume in pod["spec"]["volumes"]] == ["eks-pod-identity-token"]


def test_given_a_pod_that_was_mutated_when_it_is_admitted_again_then_nothing_changes() -> None:
    once = patched(loader(), mutate_pod(loader(), env={"A": "1"}, identity=True, annotations={TICKET: "t"}))

    assert mutate_pod(once, env={"A": "2"}, identity=True, annotations={TICKET: "t"}) == []


@pytest.mark.parametrize(
    ("estate", "namespace", "account", "expected"),
    [
        (ESTATE, "em-pipeline", "ebi", True),
        (ESTATE, "em-pipeline", None, False),
        (ESTATE, "other", "ebi", False),
        (BARE, "em-pipeline", "ebi", False),
    ],
)
def test_given_associations_and_addons_when_a_pod_is_admitted_then_only_a_role_with_an_agent_is_promised(
    estate: Estate, namespace: str, account: str | None, expected: bool
) -> None:
    mutations = Mutations(estate, lambda review: {"ASKED": review.uid}, EFS)
    review = Review("u-1", "pods", namespace, loader(serviceAccountName=account))

    pod = patched(dict(review.object), mutations.pod(review))

    given = variables(pod["spec"]["containers"][0])
    assert ("AWS_CONTAINER_CREDENTIALS_FULL_URI" in given) is expected
    assert given["ASKED"] == "u-1"
    assert pod["metadata"]["annotations"] == {TICKET: "u-1"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({}, "/shared/efs/fs-1/fsap-2"),
        ({"mountOptions": ["tls"]}, "/shared/efs/fs-1/root"),
        ({"mountOptions": None}, "/shared/efs/fs-1/root"),
        (
            {"mountOptions": None, "csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1:/data:fsap-3"}},
            "/shared/efs/fs-1/fsap-3/data",
        ),
    ],
)
def test_given_an_efs_volume_when_it_is_admitted_then_it_is_a_directory_of_the_node(
    change: dict[str, Any], path: str
) -> None:
    volume = shared_volume(**change)

    spec = patched(volume, mutate_volume(volume, EFS))["spec"]

    assert spec == {"storageClassName": "efs", "hostPath": {"path": path, "type": "Directory"}}


def test_given_no_driver_or_another_volume_when_it_is_admitted_then_it_stays() -> None:
    other = shared_volume(csi={"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"})

    assert mutate_volume(other, EFS) == []
    assert Mutations(BARE, lambda _: {}, EFS).volume(Review("u", "persistentvolumes", "", shared_volume())) == []
    assert Mutations(ESTATE, lambda _: {}, EFS).volume(Review("u", "persistentvolumes", "", shared_volume()))
