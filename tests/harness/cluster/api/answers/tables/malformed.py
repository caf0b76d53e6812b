"""Objects that are refused, of kinds that are seldom written by hand. Nothing is stored."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster.api.answers.objects import CONTAINER, Step, named

_SETS = "/apis/apps/v1/namespaces/NS/statefulsets?dryRun=All"
_NODES, _ENDPOINTS = "/api/v1/nodes?dryRun=All", "/api/v1/namespaces/NS/endpoints?dryRun=All"
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices?dryRun=All"
_VALIDATING, _MUTATING = (
    f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations?dryRun=All"
    for kind in ("validating", "mutating")
)
_API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices?dryRun=All"
_AUTOSCALERS = "/apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers?dryRun=All"


def _set(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
    return named("s", spec={"selector": {"matchLabels": {"a": "b"}}, "serviceName": "x", "template": template, **spec})


def _hook(**more: Any) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    webhook = {
        "name": "a.b.c",
        "clientConfig": {"url": "https://x/y"},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [rule],
    }
    return named("w", webhooks=[{**webhook, **more}])


def _slice(**more: Any) -> dict[str, Any]:
    ports = [{"name": "a", "port": 80, "protocol": "TCP"}]
    return named("e", **{"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.1.1"]}], "ports": ports, **more})


def _service(name: str = "v1.g.com", **spec: Any) -> dict[str, Any]:
    whole = {"group": "g.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10}
    return named(
        name,
        spec={**whole, "service": {"name": "s", "namespace": "default"}, "insecureSkipTLSVerify": True, **spec},
    )


SCENARIOS: dict[str, list[Step]] = {
    "stateful sets": [
        (
            "POST",
            _SETS,
            _set(
                volumeClaimTemplates=[
                    named("D_", spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})
                ]
            ),
        ),
        ("POST", _SETS, _set(volumeClaimTemplates=[named("d", spec={})])),
        (
            "POST",
            _SETS,
            _set(
                volumeClaimTemplates=[
                    named("d", spec={"accessModes": ["Sometimes"], "resources": {"requests": {"storage": "0"}}})
                ]
            ),
        ),
        (
            "POST",
            _SETS,
            _set(
                volumeClaimTemplates=[
                    {
                        "metadata": {},
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                    }
                ]
            ),
        ),
    ],
    "nodes": [
        ("POST", _NODES, named("N_")),
        ("POST", _NODES, named("n", spec={"taints": [{"key": "a b", "effect": "Never"}]})),
        (
            "POST",
            _NODES,
            named(
                "n",
                spec={
                    "taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule", "value": "x"}]
                },
            ),
        ),
        ("POST", _NODES, named("n", spec={"podCIDR": "10.0.0.0"})),
        ("POST", _NODES, named("n", spec={"podCIDRs": ["10.0.0.0/24", "10.0.1.0/24"]})),
        ("POST", _NODES, named("n", spec={"taints": [{"key": "a"}]})),
        ("POST", _NODES, {"metadata": {"name": "n", "labels": {"a b": "c"}}}),
    ],
    "endpoints": [
        ("POST", _ENDPOINTS, named("e", subsets=[{"addresses": [{"ip": "x"}], "ports": [{"port": 0}]}])),
        ("POST", _ENDPOINTS, named("e", subsets=[{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 80}]}])),
        (
            "POST",
            _ENDPOINTS,
            named("e", subsets=[{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}, {"port": 81}]}]),
        ),
        ("POST", _ENDPOINTS, named("e", subsets=[{}])),
        (
            "POST",
            _ENDPOINTS,
            named(
                "e",
                subsets=[
                    {"addresses": [{"ip": "10.0.0.1", "hostname": "a.b"}], "ports": [{"port": 80, "protocol": "X"}]}
                ],
            ),
        ),
    ],
    "endpoint slices": [
        ("POST", _SLICES, _slice(addressType="X")),
        ("POST", _SLICES, _slice(addressType="")),
        ("POST", _SLICES, _slice(endpoints=[{"addresses": []}])),
        ("POST", _SLICES, _slice(endpoints=[{"addresses": ["x"]}])),
        ("POST", _SLICES, _slice(endpoints=[{"addresses": ["127.0.0.1"]}])),
        ("POST", _SLICES, _slice(ports=[{"name": "a", "port": 80}, {"name": "a", "port": 81}])),
        ("POST", _SLICES, _slice(ports=[{"name": "A_b", "port": 0, "protocol": "X"}])),
        ("POST", _SLICES, _slice(endpoints=[{"addresses": ["10.1.1.1"], "hostname": "a.b", "nodeName": "N_"}])),
        ("POST", _SLICES, _slice(addressType="FQDN", endpoints=[{"addresses": ["10.1.1.1"]}])),
    ],
    "webhooks": [
        ("POST", _VALIDATING, _hook(name="short")),
        ("POST", _VALIDATING, _hook(sideEffects=None)),
        ("POST", _VALIDATING, _hook(sideEffects="Some")),
        ("POST", _VALIDATING, _hook(failurePolicy="X", matchPolicy="Y")),
        ("POST", _VALIDATING, _hook(timeoutSeconds=31)),
        ("POST", _VALIDATING, _hook(admissionReviewVersions=["v9"])),
        ("POST", _VALIDATING, _hook(admissionReviewVersions=[])),
        ("POST", _VALIDATING, _hook(clientConfig={})),
        ("POST", _VALIDATING, _hook(clientConfig={"url": "http://x"})),
        ("POST", _VALIDATING, _hook(clientConfig={"service": {"name": "", "namespace": ""}})),
        ("POST", _VALIDATING, _hook(rules=[{"apiGroups": [], "apiVersions": [], "operations": [], "resources": []}])),
        (
            "POST",
            _VALIDATING,
            _hook(
                rules=[
                    {
                        "apiGroups": ["*", "x"],
                        "apiVersions": ["v1"],
                        "operations": ["LOOK"],
                        "resources": ["*/x", "pods/"],
                        "scope": "X",
                    }
                ]
            ),
        ),
        ("POST", _MUTATING, _hook(reinvocationPolicy="X")),
        ("POST", _MUTATING, {**_hook(), "webhooks": _hook()["webhooks"] * 2}),
    ],
    "API services": [
        ("POST", _API_SERVICES, _service("x")),
        ("POST", _API_SERVICES, _service(groupPriorityMinimum=0, versionPriority=0)),
        ("POST", _API_SERVICES, _service(service={"name": "", "namespace": ""})),
        ("POST", _API_SERVICES, _service(caBundle="YQ==")),
        ("POST", _API_SERVICES, _service(service=None)),
    ],
    "CSI drivers and nodes": [
        (
            "POST",
            "/apis/storage.k8s.io/v1/csidrivers?dryRun=All",
            named("D_", spec={"fsGroupPolicy": "X", "volumeLifecycleModes": ["Y"]}),
        ),
        (
            "POST",
            "/apis/storage.k8s.io/v1/csinodes?dryRun=All",
            named(
                "n",
                spec={
                    "drivers": [{"name": "a", "nodeID": ""}, {"name": "a", "nodeID": "x", "allocatable": {"count": -1}}]
                },
            ),
        ),
        (
            "POST",
            "/apis/storage.k8s.io/v1/csinodes?dryRun=All",
            named("n", spec={"drivers": [{"name": "a", "nodeID": "i", "topologyKeys": ["a", "a", ""]}]}),
        ),
    ],
    "attachments and capacities": [
        (
            "POST",
            "/apis/storage.k8s.io/v1/volumeattachments?dryRun=All",
            named("v", spec={"attacher": "", "nodeName": "", "source": {}}),
        ),
        (
            "POST",
            "/apis/storage.k8s.io/v1/volumeattachments?dryRun=All",
            named(
                "v",
                spec={
                    "attacher": "a",
                    "nodeName": "n",
                    "source": {
                        "persistentVolumeName": "p",
                        "inlineVolumeSpec": {"csi": {"driver": "d", "volumeHandle": "h"}},
                    },
                },
            ),
        ),
        (
            "POST",
            "/apis/storage.k8s.io/v1/namespaces/NS/csistoragecapacities?dryRun=All",
            named("c", storageClassName="", capacity="-1"),
        ),
    ],
    "runtime classes": [
        ("POST", "/apis/node.k8s.io/v1/runtimeclasses?dryRun=All", named("r", handler="")),
        ("POST", "/apis/node.k8s.io/v1/runtimeclasses?dryRun=All", named("r", handler="A_b")),
        (
            "POST",
            "/apis/node.k8s.io/v1/runtimeclasses?dryRun=All",
            named(
                "r",
                handler="a",
                overhead={"podFixed": {"cpu": "-1"}},
                scheduling={"nodeSelector": {"a b": "c"}, "tolerations": [{"operator": "X"}]},
            ),
        ),
    ],
    "autoscalers": [
        (
            "POST",
            _AUTOSCALERS,
            named(
                "h",
                spec={
                    "maxReplicas": 2,
                    "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
                    "metrics": [
                        {
                            "type": "Object",
                            "object": {
                                "describedObject": {"kind": "S", "name": "s"},
                                "metric": {"name": "m"},
                                "target": {"type": "AverageValue", "averageValue": "0"},
                            },
                        }
                    ],
                },
            ),
        ),
    ],
}
