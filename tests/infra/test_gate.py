"""The gate finds nothing on what is committed, and every planted defect by its place. A defect is planted in the rendered text, so no code of
infra/ can have prevented it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from infra.gate import findings

Files = dict[str, bytes]
CLUSTER = "templates/cluster.template.json"
IDENTITY = "templates/identity.template.json"
REGISTRY = "templates/registry.template.json"
STORAGE = "templates/storage.template.json"
WORKFLOW = "manifests/workloads/workflow.yaml"
IDR = "manifests/workloads/jobs/idr.yaml"


def test_given_what_is_committed_then_there_is_no_finding(committed: Files) -> None:
    assert findings(committed) == []


def _edit_json(files: Files, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(files[name])
    edit(document)
    files[name] = json.dumps(document).encode()


def _edit_yaml(files: Files, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
    documents = list(yaml.safe_load_all(files[name]))
    edit(documents[0])
    files[name] = yaml.safe_dump_all(documents).encode()


def _of_type(document: dict[str, Any], type_name: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in document["Resources"].values() if r["Type"] == type_name]


def _unlabel(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        for group in _of_type(document, "AWS::EKS::Nodegroup"):
            del group["Labels"]

    _edit_json(files, CLUSTER, edit)


def _taint_otherwise(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        for group in _of_type(document, "AWS::EKS::Nodegroup"):
            for taint in group.get("Taints", []):
                taint["Value"] = "other"

    _edit_json(files, CLUSTER, edit)


def _new_taint(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        for group in _of_type(document, "AWS::EKS::Nodegroup"):
            group["Labels"]["gpu"] = "yes"
            group.setdefault("Taints", []).append({"Key": "gpu", "Value": "yes", "Effect": "NO_SCHEDULE"})

    _edit_json(files, CLUSTER, edit)


def _smaller_nodes(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        for group in _of_type(document, "AWS::EKS::Nodegroup"):
            group["InstanceTypes"] = ["t3.medium"]

    _edit_json(files, CLUSTER, edit)


def _lost_repository(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["Resources"].pop("Idr", None)
        document["Resources"] = {
            key: r
            for key, r in document["Resources"].items()
            if r.get("Properties", {}).get("RepositoryName") != "em-pipeline-idr"
        }

    _edit_json(files, REGISTRY, edit)


def _lost_output(files: Files) -> None:
    _edit_json(files, STORAGE, lambda document: document["Outputs"].pop("DataBucketName"))


def _named_bucket(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        _of_type(document, "AWS::S3::Bucket")[0]["BucketName"] = "em-pipeline-data"

    _edit_json(files, STORAGE, edit)


def _account_number(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["Description"] = "arn:aws:iam::111122223333:root"

    _edit_json(files, IDENTITY, edit)


def _lambda(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["Resources"]["Code"] = {"Type": "AWS::Lambda::Function", "Properties": {}}

    _edit_json(files, STORAGE, edit)


def _foreign_account(files: Files) -> None:
    def edit(document: dict[str, Any]) -> None:
        _of_type(document, "AWS::EKS::PodIdentityAssociation")[0]["ServiceAccount"] = "nobody"

    _edit_json(files, IDENTITY, edit)


def _no_accounts(files: Files) -> None:
    files["manifests/workloads/access.yaml"] = b""


def _no_selector(files: Files) -> None:
    _edit_yaml(files, IDR, lambda job: job["spec"]["template"]["spec"].pop("nodeSelector"))


def _misspelt_selector(files: Files) -> None:
    def edit(workflow: dict[str, Any]) -> None:
        workflow["spec"]["templates"][1]["nodeSelector"] = {"workload-type": "heavy"}

    _edit_yaml(files, WORKFLOW, edit)


def _no_tolerations(files: Files) -> None:
    _edit_yaml(files, IDR, lambda job: job["spec"]["template"]["spec"].pop("tolerations"))


def _default_account(files: Files) -> None:
    _edit_yaml(files, IDR, lambda job: job["spec"]["template"]["spec"].pop("serviceAccountName"))


def _nominal_requests(files: Files) -> None:
    def edit(job: dict[str, Any]) -> None:
        job["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"] = {"cpu": "2", "memory": "4Gi"}

    _edit_yaml(files, IDR, edit)


def _foreign_image(files: Files) -> None:
    def edit(job: dict[str, Any]) -> None:
        job["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/library/busybox:1"

    _edit_yaml(files, IDR, edit)


def _misspelt_placeholder(files: Files) -> None:
    files[IDR] = files[IDR].replace(b"${DataBucketName}", b"${DataBucket}")


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (_unlabel, "no label workload-type, so no nodeSelector can match"),
        (_taint_otherwise, "taint workload-type=other without the same label"),
        (_new_taint, "does not tolerate taint gpu=yes"),
        (_smaller_nodes, "requests 4160Mi, a t3.medium leaves 3297Mi"),
        (_lost_repository, "has no repository in the registry stack, add em-pipeline-idr"),
        (_lost_output, "${DataBucketName} is the output of no stack"),
        (_named_bucket, "a bucket name is global"),
        (_account_number, "111122223333 looks like an account number"),
        (_lambda, "a AWS::Lambda::Function runs code while it is deployed"),
        (_foreign_account, "/nobody is in no manifest and of no add-on"),
        (_no_accounts, "service account em-pipeline/idr is in no manifest"),
        (_no_selector, "nodeSelector {} matches no node group"),
        (_misspelt_selector, "nodeSelector {'workload-type': 'heavy'} matches no node group"),
        (_no_tolerations, "does not tolerate taint workload-type=small-loaders"),
        (_default_account, "no serviceAccountName, so no role"),
        (_nominal_requests, "requests 4096Mi, a t3.medium leaves 3297Mi"),
        (_foreign_image, "image docker.io/library/busybox:1 is neither ours nor of"),
        (_misspelt_placeholder, "${DataBucket} is the output of no stack"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_given_a_planted_defect_then_the_gate_names_it(
    committed: Files, plant: Callable[[Files], None], found: str
) -> None:
    files = copy.deepcopy(committed)
    plant(files)
    assert files != committed
    assert any(found in finding for finding in findings(files)), findings(files)
