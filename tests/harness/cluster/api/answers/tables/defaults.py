"""Each kind with as little as it takes, and with the parts that have defaults: what comes back.

Not here because 1.34 has them behind gates that are open later: image volumes, maxUnavailable of stateful sets.
"""

from __future__ import annotations

from typing import Any

from tests.harness.cluster.api.answers.objects import CONTAINER, PODS, Step, named, pod

APPS, BATCH, AUTO = "/apis/apps/v1/namespaces/NS", "/apis/batch/v1/namespaces/NS", "/apis/autoscaling"
NETWORK, STORAGE, CORE = "/apis/networking.k8s.io/v1", "/apis/storage.k8s.io/v1", "/api/v1/namespaces/NS"
HOOKS = "/apis/admissionregistration.k8s.io/v1"
LABELS = {"a": "b"}
TEMPLATE: dict[str, Any] = {"metadata": {"labels": LABELS}, "spec": {"containers": [CONTAINER]}}
SELECTED: dict[str, Any] = {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}
JOB_TEMPLATE = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}}
TARGET = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
VOLUME = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
HOOK = {
    "name": "a.example.com",
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "clientConfig": {"service": {"namespace": "NS", "name": "s"}},
    "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
}
EVENT = {
    "involvedObject": {"kind": "Pod", "name": "p", "namespace": "NS"},
    "reason": "R",
    "message": "m",
    "type": "Normal",
}


def autoscaler(name: str, **spec: Any) -> dict[str, Any]:
    return named(name, spec={"maxReplicas": 3, "scaleTargetRef": TARGET, **spec})


PROBE = {"exec": {"command": ["x"]}}
EVERY_VOLUME = [
    {"name": "empty"},
    {"name": "dir", "emptyDir": {"medium": "Memory", "sizeLimit": "1024Mi"}},
    {"name": "map", "configMap": {"name": "x", "items": [{"key": "a", "path": "b"}]}},
    {"name": "secret", "secret": {"secretName": "x"}},
    {"name": "down", "downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    {
        "name": "all",
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "t"}},
                {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                {"configMap": {"name": "c"}},
            ]
        },
    },
    {"name": "host", "hostPath": {"path": "/x"}},
    {"name": "iscsi", "iscsi": {"targetPortal": "1.2.3.4", "iqn": "iqn.2001-04.com.example:storage", "lun": 0}},
    {"name": "rbd", "rbd": {"monitors": ["a"], "image": "i"}},
    {"name": "azure", "azureDisk": {"diskName": "d", "diskURI": "https://u"}},
    {"name": "scale", "scaleIO": {"gateway": "g", "system": "s", "secretRef": {"name": "x"}, "volumeName": "v"}},
    {"name": "claim", "ephemeral": {"volumeClaimTemplate": {"spec": CLAIM}}},
    {"name": "csi", "csi": {"driver": "d.example.com"}},
    {"name": "nfs", "nfs": {"server": "s", "path": "/p"}},
]

SCENARIOS: dict[str, list[Step]] = {
    "pods": [
        (
            "POST",
            PODS,
            pod(
                "rich",
                {"ports": [{"containerPort": 80}, {"containerPort": 81, "protocol": "UDP"}]},
                volumes=EVERY_VOLUME,
            ),
        ),
        (
            "POST",
            PODS,
            pod(
                "probes",
                {
                    "livenessProbe": PROBE,
                    "readinessProbe": {"httpGet": {"port": "web"}, "periodSeconds": 3},
                    "startupProbe": {"grpc": {"port": 5000}},
                    "lifecycle": {"preStop": {"httpGet": {"port": 80}}, "postStart": {"exec": {"command": ["x"]}}},
                    "securityContext": {"privileged": True},
                    "env": [
                        {"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                        {"name": "B", "value": ""},
                        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                    ],
                    "tty": False,
                    "stdin": True,
                },
                initContainers=[{"name": "i", "image": "a", "restartPolicy": "Always"}],
                hostNetwork=True,
                shareProcessNamespace=False,
                automountServiceAccountToken=False,
                topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}],
                affinity={
                    "podAntiAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [
                            {"topologyKey": "z", "labelSelector": {"matchLabels": LABELS}}
                        ]
                    }
                },
                overhead=None,
                enableServiceLinks=False,
            ),
        ),
        ("POST", PODS, pod("level", resources={"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}})),
        ("POST", PODS, pod("gated", schedulingGates=[{"name": "a.b/c"}], securityContext={"runAsUser": 0})),
        (
            "POST",
            PODS,
            pod(
                "resize",
                {
                    "resources": {"requests": {"cpu": "1.5"}},
                    "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
                },
            ),
        ),
    ],
    "workloads": [
        ("POST", f"{APPS}/statefulsets", named("s", spec={**SELECTED, "replicas": 0, "serviceName": "x"})),
        (
            "POST",
            f"{APPS}/statefulsets",
            named(
                "t",
                spec={
                    **SELECTED,
                    "replicas": 0,
                    "volumeClaimTemplates": [{"metadata": {"name": "v"}, "spec": CLAIM}],
                    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {}},
                    "ordinals": {"start": 2},
                },
            ),
        ),
        (
            "POST",
            f"{APPS}/statefulsets",
            named("u", spec={**SELECTED, "replicas": 0, "updateStrategy": {"type": "OnDelete"}}),
        ),
        ("POST", f"{APPS}/daemonsets", named("d", spec=SELECTED)),
        ("POST", f"{APPS}/daemonsets", named("e", spec={**SELECTED, "updateStrategy": {"type": "OnDelete"}})),
        ("POST", f"{APPS}/deployments", named("d", spec={**SELECTED, "replicas": 0})),
        (
            "POST",
            f"{APPS}/deployments",
            named("e", spec={**SELECTED, "replicas": 0, "strategy": {"type": "Recreate"}, "paused": False}),
        ),
        ("POST", f"{APPS}/replicasets", named("r", spec={**SELECTED, "replicas": 0})),
        ("POST", f"{CORE}/replicationcontrollers", named("r", spec={"replicas": 0, "template": TEMPLATE})),
        ("POST", f"{APPS}/controllerrevisions", named("c", data={"a": [1, None]}, revision=3)),
        ("POST", f"{CORE}/podtemplates", named("p", template=TEMPLATE)),
        ("POST", f"{BATCH}/cronjobs", named("c", spec={"schedule": "0 0 1 1 *", "jobTemplate": JOB_TEMPLATE})),
        ("POST", f"{BATCH}/jobs", named("j", spec={"suspend": True, "parallelism": 2, **JOB_TEMPLATE["spec"]})),
    ],
    "autoscalers": [
        ("POST", f"{AUTO}/v2/namespaces/NS/horizontalpodautoscalers", autoscaler("a")),
        ("GET", f"{AUTO}/v1/namespaces/NS/horizontalpodautoscalers/a", None),
        (
            "POST",
            f"{AUTO}/v1/namespaces/NS/horizontalpodautoscalers",
            autoscaler("b", targetCPUUtilizationPercentage=50),
        ),
        ("GET", f"{AUTO}/v2/namespaces/NS/horizontalpodautoscalers/b", None),
        (
            "POST",
            f"{AUTO}/v2/namespaces/NS/horizontalpodautoscalers",
            autoscaler(
                "c",
                behavior={"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}},
                metrics=[
                    {
                        "type": "Resource",
                        "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1024Mi"}},
                    },
                    {
                        "type": "Pods",
                        "pods": {"metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": "1"}},
                    },
                    {
                        "type": "External",
                        "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "1"}},
                    },
                    {
                        "type": "ContainerResource",
                        "containerResource": {
                            "name": "cpu",
                            "container": "c",
                            "target": {"type": "Utilization", "averageUtilization": 3},
                        },
                    },
                ],
            ),
        ),
        ("GET", f"{AUTO}/v1/namespaces/NS/horizontalpodautoscalers/c", None),
        ("POST", f"{AUTO}/v2/namespaces/NS/horizontalpodautoscalers", autoscaler("d", behavior={})),
    ],
    "core": [
        ("POST", f"{CORE}/services", named("a", spec={"ports": [{"port": 80}]})),
        (
            "POST",
            f"{CORE}/services",
            named("b", spec={"clusterIP": "None", "ports": [{"port": 80, "name": "x", "targetPort": "web"}]}),
        ),
        ("POST", f"{CORE}/services", named("c", spec={"type": "ExternalName", "externalName": "x.y"})),
        ("POST", f"{CORE}/services", named("d", spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": 30001}]})),
        (
            "POST",
            f"{CORE}/services",
            named("e", spec={"sessionAffinity": "ClientIP", "ports": [{"port": 80, "protocol": "UDP"}]}),
        ),
        ("POST", f"{CORE}/services", named("f", spec={"clusterIP": "None", "selector": LABELS})),
        (
            "POST",
            f"{CORE}/endpoints",
            named("e", subsets=[{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]),
        ),
        ("POST", f"{CORE}/configmaps", named("c")),
        ("POST", f"{CORE}/secrets", named("s", stringData={"a": "b"})),
        ("POST", f"{CORE}/secrets", named("t", type="kubernetes.io/basic-auth", stringData={"username": "b"})),
        ("POST", f"{CORE}/serviceaccounts", named("s")),
        ("POST", f"{CORE}/persistentvolumeclaims", named("c", spec={**CLAIM, "storageClassName": "x"})),
        (
            "POST",
            f"{CORE}/persistentvolumeclaims",
            named(
                "d",
                spec={**CLAIM, "storageClassName": "x", "dataSource": {"kind": "PersistentVolumeClaim", "name": "c"}},
            ),
        ),
        ("POST", f"{CORE}/resourcequotas", named("q", spec={"hard": {"pods": "10", "requests.cpu": "1.5"}})),
        (
            "POST",
            f"{CORE}/limitranges",
            named(
                "l",
                spec={
                    "limits": [
                        {"type": "Container", "max": {"cpu": "2"}, "default": {"memory": "1024Mi"}},
                        {"type": "Pod", "max": {"cpu": 4}},
                    ]
                },
            ),
        ),
        ("POST", f"{CORE}/events", {"metadata": {"name": "e"}, **EVENT}),
        ("GET", "/apis/events.k8s.io/v1/namespaces/NS/events/e", None),
        (
            "POST",
            "/apis/events.k8s.io/v1/namespaces/NS/events",
            named(
                "f",
                regarding={"kind": "Pod", "name": "p", "namespace": "NS"},
                reason="R",
                note="n",
                type="Normal",
                action="A",
                reportingController="a.b/c",
                reportingInstance="i",
                eventTime="2026-01-01T00:00:00.000000Z",
            ),
        ),
        ("GET", f"{CORE}/events/f", None),
        ("POST", "/api/v1/persistentvolumes", named("pv-NS", spec={**VOLUME, "nfs": {"server": "s", "path": "/p"}})),
        ("POST", "/api/v1/persistentvolumes", named("pw-NS", spec={**VOLUME, "hostPath": {"path": "/p"}})),
        (
            "POST",
            "/api/v1/persistentvolumes",
            named("px-NS", spec={**VOLUME, "csi": {"driver": "d.example.com", "volumeHandle": "h"}}),
        ),
        ("POST", "/api/v1/nodes", named("n-NS", spec={})),
        ("POST", "/api/v1/namespaces", named("x-NS")),
    ],
    "other groups": [
        (
            "POST",
            "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
            named("p", spec={"minAvailable": 1, "selector": {"matchLabels": LABELS}}),
        ),
        ("POST", "/apis/coordination.k8s.io/v1/namespaces/NS/leases", named("l", spec={"leaseDurationSeconds": 3})),
        (
            "POST",
            "/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices",
            named("s", addressType="IPv4", ports=[{"port": 80}, {}], endpoints=[{"addresses": ["10.1.2.3"]}])
            | {"ports": [{"port": 80}, {"name": "x", "protocol": "UDP"}]},
        ),
        ("POST", f"{NETWORK}/namespaces/NS/ingresses", named("i", spec={"defaultBackend": BACKEND})),
        (
            "POST",
            f"{NETWORK}/namespaces/NS/ingresses",
            named(
                "j", spec={"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}}]}
            ),
        ),
        (
            "POST",
            f"{NETWORK}/ingressclasses",
            named("c-NS", spec={"controller": "a.b/c", "parameters": {"kind": "X", "name": "y"}}),
        ),
        ("POST", f"{NETWORK}/namespaces/NS/networkpolicies", named("n", spec={"podSelector": {}})),
        (
            "POST",
            f"{NETWORK}/namespaces/NS/networkpolicies",
            named("o", spec={"podSelector": {}, "egress": [{"ports": [{"port": 80}]}], "ingress": [{}]}),
        ),
        ("POST", "/apis/node.k8s.io/v1/runtimeclasses", named("r-NS", handler="h", scheduling={"tolerations": []})),
        ("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", named("p-NS", value=3)),
        ("POST", f"{STORAGE}/storageclasses", named("s-NS", provisioner="a.b/c")),
        ("POST", f"{STORAGE}/csidrivers", named("d-NS", spec={})),
        (
            "POST",
            f"{STORAGE}/csinodes",
            named("n-NS", spec={"drivers": [{"name": "d.example.com", "nodeID": "i", "topologyKeys": []}]}),
        ),
        ("POST", f"{STORAGE}/namespaces/NS/csistoragecapacities", named("c", storageClassName="x", capacity="1024Mi")),
        (
            "POST",
            f"{STORAGE}/volumeattachments",
            named("v-NS", spec={"attacher": "a.b", "nodeName": "n", "source": {"persistentVolumeName": "p"}}),
        ),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles", named("r")),
        (
            "POST",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles",
            named("s", rules=[{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]),
        ),
        (
            "POST",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings",
            named(
                "b",
                roleRef={"kind": "Role", "name": "r"},
                subjects=[{"kind": "ServiceAccount", "name": "x"}, {"kind": "User", "name": "u"}],
            ),
        ),
        (
            "POST",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            named("c-NS", rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"]}]),
        ),
        (
            "POST",
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            named("b-NS", roleRef={"kind": "ClusterRole", "name": "c-NS"}),
        ),
        ("POST", f"{HOOKS}/validatingwebhookconfigurations?dryRun=All", named("v-NS", webhooks=[HOOK])),
        (
            "POST",
            f"{HOOKS}/mutatingwebhookconfigurations?dryRun=All",
            named("m-NS", webhooks=[{**HOOK, "failurePolicy": "Ignore"}]),
        ),
        (
            "POST",
            "/apis/apiregistration.k8s.io/v1/apiservices?dryRun=All",
            named(
                "v1.g.example.com",
                spec={
                    "group": "g.example.com",
                    "version": "v1",
                    "groupPriorityMinimum": 100,
                    "versionPriority": 10,
                    "service": {"name": "s", "namespace": "NS"},
                    "insecureSkipTLSVerify": True,
                },
            ),
        ),
    ],
}
