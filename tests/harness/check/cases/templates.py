"""Rules on templates, constructs and the tables beside them."""

from tests.harness.check.cases import Cases
from tests.harness.check.cases.build import bucket, group, manifest, template

T = "t.template.json"


def file_system(**properties: object) -> dict[str, object]:
    return {"Type": "AWS::EFS::FileSystem", "Properties": properties}


def constructs(type_name: str, **properties: object) -> dict[str, object]:
    return {"constructs": [{"id": "it", "type": type_name, "properties": properties}]}


def costs(**line: object) -> dict[str, object]:
    return {"costs": [{"component": "it", **line}]}


ENDED_SERVICE = Cases(
    found={
        "a resource type": ({T: template(M={"Type": "AWS::AppMesh::VirtualNode"})}, [f"{T}#M"]),
        "an object of its controller": (
            {"m.yaml": manifest("appmesh.k8s.aws/v1beta2", "Mesh", "mesh")},
            ["m.yaml#Mesh/mesh"],
        ),
        "a name in the list of services": (
            {"a.yaml": {"aws_services": [{"component": "network", "services": ["app mesh"]}]}, T: template(B=bucket())},
            ["a.yaml#network"],
        ),
    },
    silent={
        "another mesh": {"m.yaml": manifest("networking.istio.io/v1", "VirtualService", "mesh")},
        "services that are there": {
            "a.yaml": {"aws_services": [{"component": "network", "services": ["VPC Lattice", "Mesh of our own"]}]},
            T: template(B=bucket()),
        },
        "a resource of that name": {T: template(AppMesh=bucket())},
    },
)

INVALID_PROPERTY = Cases(
    found={
        "a construct's unknown property": (
            {"c.yaml": constructs("aws_efs.FileSystemProps", vpc="v", throughput="ELASTIC")},
            ["c.yaml#it.throughput"],
        ),
        "a template's unknown property, deep inside": (
            {T: template(B=bucket(LifecycleConfiguration={"Rules": [{"Status": "Enabled", "Enabled": True}]}))},
            [f"{T}#B.LifecycleConfiguration.Rules[0].Enabled"],
        ),
        "a value that is not one of the list": (
            {T: template(F=file_system(LifecyclePolicies=[{"TransitionToIA": "AFTER_31_DAYS"}]))},
            [f"{T}#F.LifecyclePolicies[0].TransitionToIA"],
        ),
        "a required property that is missing": (
            {"c.yaml": constructs("aws_eks.TaintSpec"), "d.yaml": constructs("aws_efs.FileSystemProps")},
            ["d.yaml#it.vpc"],
        ),
        "an effect in the spelling of Kubernetes": (
            {T: template(G=group(Taints=[{"Key": "a", "Value": "b", "Effect": "NoSchedule"}], Labels={"a": "b"}))},
            [f"{T}#G.Taints[0].Effect"],
        ),
    },
    silent={
        "the right names": {
            T: template(
                F=file_system(LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}], PerformanceMode="generalPurpose")
            ),
            "c.yaml": constructs("aws_s3.BucketProps", lifecycleRules=[{"id": "x", "enabled": True}]),
        },
        "intrinsic functions": {
            T: template(F=file_system(PerformanceMode={"Ref": "Mode"}, LifecyclePolicies={"Fn::If": ["c", [], []]}))
        },
        "a type that the table does not hold": {T: template(X={"Type": "AWS::New::Thing", "Properties": {"Any": 1}})},
    },
)

BUCKET_NAME_TWICE = Cases(
    found={
        "two templates": (
            {
                "a.template.json": template(B=bucket(BucketName="data")),
                "b.template.json": template(C=bucket(BucketName="data")),
            },
            ["a.template.json#B", "b.template.json#C"],
        ),
        "one template, two stacks": (
            {
                "t/s.template.json": template(B=bucket(BucketName="data")),
                "t/stacks.json": '[{"name": "x", "template": "s.template.json"}, {"name": "y", "template": "s.template.json"}]',
            },
            ["t/s.template.json#B"],
        ),
        "twice in one": (
            {T: template(B=bucket(BucketName="data"), C=bucket(BucketName="data"))},
            [f"{T}#B", f"{T}#C"],
        ),
    },
    silent={
        "generated": {"a.template.json": template(B=bucket()), "b.template.json": template(B=bucket())},
        "one name a stack": {
            "a.template.json": template(B=bucket(BucketName="data-a")),
            "b.template.json": template(B=bucket(BucketName="data-b")),
        },
        "a name made of the account's": {
            name: template(B=bucket(BucketName={"Fn::Sub": "data-${AWS::Region}"}))
            for name in ("a.template.json", "b.template.json")
        },
        "fixed, in one stack": {T: template(B=bucket(BucketName="data"))},
    },
)

SAVINGS_ARE_COSTS = Cases(
    found={
        "one figure": ({"c.yaml": costs(cloud_usd_per_month=100, savings_usd_per_year=1200)}, ["c.yaml#it"]),
        "a range, today for free": (
            {"c.yaml": costs(today_usd_per_month=0, cloud_usd_per_month=[10, 20], savings_usd_per_year=[120, 240])},
            ["c.yaml#it"],
        ),
        "rounded, today dearer": (
            {"c.yaml": costs(today_usd_per_month=500, cloud_usd_per_month=99.9, savings_usd_per_year=1200)},
            ["c.yaml#it"],
        ),
    },
    silent={
        "the difference": {
            "c.yaml": costs(today_usd_per_month=300, cloud_usd_per_month=100, savings_usd_per_year=2400),
            T: template(B=bucket()),
        },
        "half, so that both are the same": {
            "c.yaml": costs(today_usd_per_month=200, cloud_usd_per_month=100, savings_usd_per_year=1200)
        },
        "no figure": {"c.yaml": costs(today_usd_per_month=200, savings_usd_per_year=1200)},
        "free": {"c.yaml": costs(cloud_usd_per_month=0, savings_usd_per_year=0)},
    },
)
