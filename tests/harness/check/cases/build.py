"""Parts of small plans."""

from __future__ import annotations

from typing import Any


def group(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::EKS::Nodegroup",
        "Properties": {
            "ClusterName": "one",
            "NodeRole": "role",
            "Subnets": ["subnet"],
            "InstanceTypes": ["m5.large"],
            "ScalingConfig": {"MinSize": 0, "MaxSize": 2},
            **properties,
        },
    }


def taint(key: str, value: str, effect: str = "NO_SCHEDULE") -> dict[str, str]:
    return {"Key": key, "Value": value, "Effect": effect}


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


def bucket(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": properties}


def cluster(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::EKS::Cluster",
        "Properties": {"RoleArn": "role", "ResourcesVpcConfig": {"SubnetIds": ["subnet"]}, **properties},
    }


def manifest(api_version: str, kind: str, name: str, spec: Any = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec or {}}


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "main", "image": "registry.example/tool:1", **fields}


def asking(cpu: str, memory: str) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}}}


def deployment(name: str, labels: dict[str, str] | None = None, **pod: Any) -> dict[str, Any]:
    labels = labels or {"app": name}
    spec = {"containers": [container()], **pod}
    return manifest(
        "apps/v1",
        "Deployment",
        name,
        {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    )


def job(name: str, **pod: Any) -> dict[str, Any]:
    return manifest("batch/v1", "Job", name, {"template": {"spec": {"containers": [container()], **pod}}})


def workflow(
    *templates: Any, kind: str = "Workflow", metadata: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": metadata or {"generateName": "run-"},
        "spec": {"entrypoint": templates[0]["name"], **spec, "templates": list(templates)},
    }


def dag(*tasks: dict[str, Any], name: str = "main") -> dict[str, Any]:
    return {"name": name, "dag": {"tasks": [{"template": "work", **task} for task in tasks]}}


def work(name: str = "work", **fields: Any) -> dict[str, Any]:
    return {"name": name, "container": container(), **fields}


def ci(*steps: dict[str, Any], **job_fields: Any) -> dict[str, Any]:
    return {"on": {"push": {}}, "jobs": {"ship": {"runs-on": "ubuntu-latest", **job_fields, "steps": list(steps)}}}


def run(script: str, name: str = "do", **fields: Any) -> dict[str, Any]:
    return {"name": name, "run": script, **fields}
