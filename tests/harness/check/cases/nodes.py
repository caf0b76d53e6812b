"""Rules on node groups and the pods that need them."""

from tests.harness.check.cases import Cases
from tests.harness.check.cases.build import (
    asking,
    cluster,
    container,
    deployment,
    group,
    job,
    manifest,
    taint,
    template,
    work,
    workflow,
)

GPU = taint("accelerator", "gpu")
TOLERATES_GPU = [{"key": "accelerator", "operator": "Exists"}]
T = "t.template.json"

TAINTED_WITHOUT_LABEL = Cases(
    found={
        "no label at all": ({T: template(A=group(Taints=[GPU]))}, [f"{T}#A"]),
        "only labels that every group has": (
            {T: template(A=group(Taints=[GPU], Labels={"team": "x"}), B=group(Labels={"team": "x"}))},
            [f"{T}#A"],
        ),
        "no-execute, and a pod that tolerates without selecting": (
            {
                T: template(A=group(Taints=[taint("night", "yes", "NO_EXECUTE")])),
                "m.yaml": job("j", tolerations=[{"operator": "Exists"}]),
            },
            [f"{T}#A"],
        ),
        "YAML with short tags": (
            {
                "x.template.yaml": "Resources:\n  G:\n    Type: AWS::EKS::Nodegroup\n    Properties:\n      ClusterName: !Ref C\n"
                "      Taints: [{Key: a, Value: b, Effect: NO_SCHEDULE}]\n"
            },
            ["x.template.yaml#G"],
        ),
    },
    silent={
        "labelled as tainted": {T: template(A=group(Taints=[GPU], Labels={"accelerator": "gpu"}), B=group())},
        "another label of its own": {
            T: template(A=group(Taints=[GPU], Labels={"pool": "a"}), B=group(Labels={"pool": "b"}))
        },
        "preference only": {T: template(A=group(Taints=[taint("spot", "yes", "PREFER_NO_SCHEDULE")]))},
        "selected by the label that EKS adds": {
            T: template(A=group(Taints=[GPU], NodegroupName="fast")),
            "m.yaml": job("j", nodeSelector={"eks.amazonaws.com/nodegroup": "fast"}, tolerations=TOLERATES_GPU),
        },
    },
)

NO_NODE_FOR_POD = Cases(
    found={
        "selector of a Deployment": (
            {T: template(A=group(Labels={"pool": "a"})), "m.yaml": deployment("web", nodeSelector={"pool": "b"})},
            ["m.yaml#Deployment/web"],
        ),
        "selected and tainted, toleration of another value": (
            {
                T: template(A=group(Labels={"accelerator": "gpu"}, Taints=[GPU])),
                "m.yaml": job(
                    "j",
                    nodeSelector={"accelerator": "gpu"},
                    tolerations=[{"key": "accelerator", "value": "tpu", "effect": "NoSchedule"}],
                ),
            },
            ["m.yaml#Job/j"],
        ),
        "required affinity of a workflow": (
            {
                T: template(A=group(Labels={"pool": "a"})),
                "m.yaml": workflow(
                    work("step"),
                    affinity={
                        "nodeAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": {
                                "nodeSelectorTerms": [
                                    {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["c"]}]}
                                ]
                            }
                        }
                    },
                ),
            },
            ["m.yaml#Workflow/run-/step"],
        ),
        "an instance type that no group has": (
            {
                T: template(A=group()),
                "m.yaml": job("j", nodeSelector={"node.kubernetes.io/instance-type": "p5.48xlarge"}),
            },
            ["m.yaml#Job/j"],
        ),
        "nothing but tainted groups": ({T: template(A=group(Taints=[GPU])), "m.yaml": job("j")}, ["m.yaml#Job/j"]),
        "one of two clusters": (
            {
                T: template(A=group(Labels={"pool": "a"}), B=group(ClusterName="two", Labels={"pool": "b"})),
                "m.yaml": job("j", nodeSelector={"pool": "a"}),
            },
            ["m.yaml#Job/j"],
        ),
    },
    silent={
        "label and toleration": {
            T: template(A=group(Labels={"accelerator": "gpu"}, Taints=[GPU])),
            "m.yaml": job("j", nodeSelector={"accelerator": "gpu"}, tolerations=TOLERATES_GPU),
        },
        "labels that EKS and the cloud provider add": {
            T: template(A=group(CapacityType="SPOT")),
            "m.yaml": job(
                "j",
                nodeSelector={
                    "eks.amazonaws.com/capacityType": "SPOT",
                    "topology.kubernetes.io/zone": "us-east-1a",
                    "kubernetes.io/arch": "amd64",
                },
            ),
        },
        "one of several terms": {
            T: template(A=group(Labels={"pool": "a"})),
            "m.yaml": job(
                "j",
                affinity={
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "pool", "operator": "In", "values": [value]}]}
                                for value in "xa"
                            ]
                        }
                    }
                },
            ),
        },
        "no node groups in the plan": {"m.yaml": job("j", nodeSelector={"pool": "b"})},
        "a DaemonSet that is for other nodes": {
            T: template(A=group()),
            "m.yaml": manifest(
                "apps/v1",
                "DaemonSet",
                "d",
                {"template": {"spec": {"nodeSelector": {"gpu": "yes"}, "containers": [container()]}}},
            ),
        },
    },
)

REQUEST_DOES_NOT_FIT = Cases(
    found={
        "the nominal memory of the instance": (
            {
                T: template(A=group(InstanceTypes=["m5.large"])),
                "m.yaml": job("j", containers=[container(**asking("1", "8Gi"))]),
            },
            ["m.yaml#Job/j"],
        ),
        "all of its processors, in two containers": (
            {
                T: template(A=group(InstanceTypes=["t3.medium"])),
                "m.yaml": deployment(
                    "d", containers=[container(**asking("1500m", "1Gi")), container(**asking("500m", "64Mi"))]
                ),
            },
            ["m.yaml#Deployment/d"],
        ),
        "the smaller of two types": (
            {
                T: template(A=group(InstanceTypes=["r6i.2xlarge", "m5.large"])),
                "m.yaml": workflow(work("big", container=container(resources={"limits": {"memory": "20Gi"}}))),
            },
            ["m.yaml#Workflow/run-/big"],
        ),
        "what the executor adds": (
            {
                T: template(A=group(InstanceTypes=["t3.medium"])),
                "c.yaml": {
                    **manifest("v1", "ConfigMap", "settings"),
                    "data": {"executor": "resources: {requests: {cpu: 500m, memory: 64Mi}}"},
                },
                "m.yaml": workflow(work("w", container=container(**asking("1500m", "1Gi")))),
            },
            ["m.yaml#Workflow/run-/w"],
        ),
        "the default of a namespace": (
            {
                T: template(A=group(InstanceTypes=["t3.medium"])),
                "m.yaml": manifest(
                    "v1", "LimitRange", "l", {"limits": [{"type": "Container", "default": {"memory": "4G"}}]}
                ),
            },
            ["m.yaml#LimitRange/l"],
        ),
        "an instance type that is not known": ({T: template(A=group(InstanceTypes=["z9.huge"]))}, [f"{T}#A"]),
    },
    silent={
        "less than what is allocatable": {
            T: template(A=group(InstanceTypes=["t3.medium"])),
            "m.yaml": job("j", containers=[container(**asking("1700m", "3000Mi"))]),
        },
        "another group that it may use has room": {
            T: template(A=group(InstanceTypes=["t3.medium"]), B=group(InstanceTypes=["r6i.2xlarge"])),
            "m.yaml": job("j", containers=[container(**asking("1", "30Gi"))]),
        },
        "a parameter to be filled in": {
            T: template(A=group(InstanceTypes=["t3.medium"])),
            "m.yaml": workflow(work("w", container=container(**asking("1", "{{inputs.parameters.memory}}")))),
        },
        "init containers do not add up": {
            T: template(A=group(InstanceTypes=["t3.medium"])),
            "m.yaml": job(
                "j",
                containers=[container(**asking("1", "2Gi"))],
                initContainers=[container(**asking("1", "2Gi")), container(**asking("1", "2Gi"))],
            ),
        },
    },
)

SPOT_AND_ON_DEMAND = Cases(
    found={
        "the same label": (
            {T: template(A=group(Labels={"p": "x"}, CapacityType="SPOT"), B=group(Labels={"p": "x"}))},
            [f"{T}#A"],
        ),
        "the same taint, other types": (
            {
                T: template(
                    A=group(Taints=[GPU], InstanceTypes=["r6i.2xlarge"]),
                    B=group(Taints=[GPU], CapacityType="SPOT"),
                )
            },
            [f"{T}#B"],
        ),
        "types in common, neither labelled": (
            {T: template(A=group(CapacityType="SPOT", InstanceTypes=["m5.large", "m5.xlarge"]), B=group(Taints=[GPU]))},
            [f"{T}#A"],
        ),
    },
    silent={
        "told apart by a label": {
            T: template(A=group(Labels={"p": "x"}, CapacityType="SPOT"), B=group(Labels={"p": "y"}))
        },
        "both spot": {T: template(A=group(CapacityType="SPOT"), B=group(CapacityType="SPOT"))},
        "other types and other taints": {
            T: template(A=group(CapacityType="SPOT", InstanceTypes=["t3.medium"], Taints=[GPU]), B=group())
        },
        "two clusters": {T: template(A=group(CapacityType="SPOT"), B=group(ClusterName="two"))},
    },
)

KUBERNETES_VERSION = Cases(
    found={
        "ended": ({T: template(K=cluster(Version="1.29"))}, [f"{T}#K"]),
        "extended support": ({T: template(Main=cluster(Version="1.32"))}, [f"{T}#Main"]),
        "a number, and not yet there": ({"x.template.yaml": template(K=cluster(Version=1.37))}, ["x.template.yaml#K"]),
        "no version at all": ({T: template(K=cluster(Version="2.0"))}, [f"{T}#K"]),
    },
    silent={
        "in standard support": {T: template(K=cluster(Version="1.35"))},
        "standard support that ends next week": {T: template(K=cluster(Version="1.34"))},
        "EKS's own choice": {T: template(K=cluster())},
        "a parameter": {T: template(K=cluster(Version={"Ref": "Version"}))},
    },
)
