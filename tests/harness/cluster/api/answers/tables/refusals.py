"""Malformed objects, kind by kind, and changes that are not allowed: the refusals with their causes."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster.api.answers.objects import CONTAINER, JOBS, PODS, Step, job, named, pod
from tests.harness.cluster.api.answers.tables.defaults import (
    APPS,
    AUTO,
    BATCH,
    CLAIM,
    CORE,
    JOB_TEMPLATE,
    LABELS,
    NETWORK,
    SELECTED,
    STORAGE,
    TEMPLATE,
    VOLUME,
    autoscaler,
)

SETS, DAEMONS, CRONS = f"{APPS}/statefulsets", f"{APPS}/daemonsets", f"{BATCH}/cronjobs"
SCALERS = f"{AUTO}/v2/namespaces/NS/horizontalpodautoscalers"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def many(path: str, *bodies: dict[str, Any]) -> list[Step]:
    return [("POST", path, body) for body in bodies]


def cron(**spec: Any) -> dict[str, Any]:
    return named("c", spec={"schedule": "0 0 1 1 *", "jobTemplate": JOB_TEMPLATE, **spec})


def stateful(**spec: Any) -> dict[str, Any]:
    return named("s", spec={**SELECTED, "replicas": 0, "serviceName": "x", **spec})


def metric(kind: str, **source: Any) -> dict[str, Any]:
    return autoscaler("a", metrics=[{"type": kind, **source}])


def quota(**spec: Any) -> dict[str, Any]:
    return named("q", spec=spec)


def limits(**item: Any) -> dict[str, Any]:
    return named("l", spec={"limits": [{"type": "Container", **item}]})


def service(**spec: Any) -> dict[str, Any]:
    return named("s", spec={"ports": [{"port": 80}], **spec})


SCENARIOS: dict[str, list[Step]] = {
    "stateful sets": [
        *many(
            SETS,
            stateful(replicas=-1),
            stateful(selector=None),
            stateful(selector={}),
            stateful(selector={"matchLabels": {"x": "y"}}),
            stateful(updateStrategy={"type": "Other"}),
            stateful(podManagementPolicy="Other"),
            stateful(minReadySeconds=-1),
            stateful(revisionHistoryLimit=-1),
            stateful(ordinals={"start": -1}),
            stateful(persistentVolumeClaimRetentionPolicy={"whenDeleted": "x"}),
            stateful(template={**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}),
            stateful(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": -1}}),
            stateful(),
        ),
        ("PATCH", f"{SETS}/s", {"spec": {"serviceName": "other"}}),
        ("PATCH", f"{SETS}/s", {"spec": {"podManagementPolicy": "Parallel"}}),
        ("PATCH", f"{SETS}/s", {"spec": {"selector": {"matchLabels": {"a": "c"}}}}),
        ("PATCH", f"{SETS}/s", {"spec": {"replicas": -3}}),
        ("GET", f"{SETS}/s/scale", None),
    ],
    "daemon sets": [
        *many(
            DAEMONS,
            named("d", spec={**SELECTED, "selector": None}),
            named("d", spec={**SELECTED, "selector": {}}),
            named("d", spec={**SELECTED, "updateStrategy": {"type": "Other"}}),
            named("d", spec={**SELECTED, "minReadySeconds": -1}),
            named("d", spec={**SELECTED, "updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 0}}}),
            named("d", spec={**SELECTED, "updateStrategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}}),
            named(
                "d", spec={**SELECTED, "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}}
            ),
            named("d", spec=SELECTED),
        ),
        ("PATCH", f"{DAEMONS}/d", {"spec": {"selector": {"matchLabels": {"a": "c"}}}}),
    ],
    "deployments": many(
        f"{APPS}/deployments",
        named("d", spec={**SELECTED, "minReadySeconds": -1}),
        named("d", spec={**SELECTED, "minReadySeconds": 700}),
        named("d", spec={**SELECTED, "revisionHistoryLimit": -1}),
        named("d", spec={**SELECTED, "progressDeadlineSeconds": -1}),
        named("d", spec={**SELECTED, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}),
        named("d", spec={**SELECTED, "strategy": {"rollingUpdate": {"maxSurge": "x"}}}),
        named("d", spec={**SELECTED, "strategy": {"rollingUpdate": {"maxUnavailable": "120%"}}}),
        named("d", spec={**SELECTED, "strategy": {"rollingUpdate": {"maxUnavailable": -1}}}),
        named("d", spec={**SELECTED, "selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}),
        named("d", spec={**SELECTED, "selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
        named(
            "d", spec={**SELECTED, "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "activeDeadlineSeconds": 5}}}
        ),
    ),
    "cron jobs": [
        *many(
            CRONS,
            cron(schedule=""),
            cron(schedule="x"),
            cron(schedule="61 * * * *"),
            cron(schedule="TZ=UTC 0 0 * * *"),
            cron(timeZone="Nowhere/Town"),
            cron(timeZone=""),
            cron(concurrencyPolicy="Sometimes"),
            cron(startingDeadlineSeconds=-1),
            cron(successfulJobsHistoryLimit=-1, failedJobsHistoryLimit=-1),
            cron(jobTemplate={"spec": {"template": TEMPLATE}}),
            cron(jobTemplate={"spec": {**JOB_TEMPLATE["spec"], "selector": {"matchLabels": LABELS}}}),
            {**cron(), "metadata": {"name": "c" * 53}},
        ),
    ],
    "jobs": [
        *many(
            JOBS,
            job(completionMode="Indexed", completions=200000, parallelism=200000),
            job(completionMode="Indexed", completions=2, successPolicy={"rules": []}),
            job(successPolicy={"rules": [{"succeededCount": 1}]}),
            job(completionMode="Indexed", completions=2, successPolicy={"rules": [{"succeededIndexes": "7-"}]}),
            job(completionMode="Indexed", completions=2, successPolicy={"rules": [{}]}),
            job(managedBy="x"),
            job(podFailurePolicy={"rules": [{"action": "Ignore"}]}),
            job(podFailurePolicy={"rules": [{"action": "Other", "onExitCodes": {"operator": "In", "values": [1]}}]}),
            job(podFailurePolicy={"rules": [{"action": "Count", "onExitCodes": {"operator": "Is", "values": [2, 1]}}]}),
            job(podFailurePolicy={"rules": [{"action": "Count", "onExitCodes": {"operator": "In", "values": [0]}}]}),
            job(podFailurePolicy={"rules": [{"action": "Count", "onExitCodes": {"operator": "In", "values": [1, 1]}}]}),
            job(
                podFailurePolicy={
                    "rules": [
                        {"action": "Count", "onExitCodes": {"operator": "In", "values": [1], "containerName": "no"}}
                    ]
                }
            ),
            job(podFailurePolicy={"rules": [{"action": "Count", "onPodConditions": [{"type": "a b", "status": "x"}]}]}),
            job(podReplacementPolicy="TerminatingOrFailed", podFailurePolicy={"rules": []}),
            job(completionMode="Indexed", completions=5, backoffLimitPerIndex=1, maxFailedIndexes=9),
            job(manualSelector=True),
        ),
        ("POST", JOBS, job("k", suspend=True)),
        ("PATCH", f"{JOBS}/k", {"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}}),
        ("PATCH", f"{JOBS}/k", {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}),
        ("PATCH", f"{JOBS}/k", {"spec": {"selector": {"matchLabels": LABELS}}}),
        ("PATCH", f"{JOBS}/k", {"spec": {"ttlSecondsAfterFinished": -1}}),
    ],
    "autoscalers": many(
        SCALERS,
        autoscaler("a", maxReplicas=0),
        autoscaler("a", minReplicas=0),
        autoscaler("a", minReplicas=5),
        autoscaler("a", scaleTargetRef={"name": "x"}),
        autoscaler("a", scaleTargetRef={"kind": "X"}),
        autoscaler("a", scaleTargetRef={"kind": "X/", "name": "a/b"}),
        metric("Other"),
        metric("Resource"),
        metric("Resource", resource={"name": "", "target": {"type": "Utilization", "averageUtilization": 1}}),
        metric("Resource", resource={"name": "cpu", "target": {"type": "Utilization"}}),
        metric("Resource", resource={"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 0}}),
        metric("Resource", resource={"name": "cpu", "target": {"type": "x", "averageUtilization": 1}}),
        metric("Pods", pods={"metric": {"name": ""}, "target": {"type": "AverageValue", "averageValue": "1"}}),
        metric("Pods", pods={"metric": {"name": "x"}, "target": {"type": "Value", "value": "1"}}),
        metric("External", external={"metric": {"name": "x"}, "target": {"type": "Value"}}),
        metric(
            "ContainerResource",
            containerResource={
                "name": "cpu",
                "container": "",
                "target": {"type": "Utilization", "averageUtilization": 1},
            },
        ),
        autoscaler("a", behavior={"scaleUp": {"stabilizationWindowSeconds": 4000}}),
        autoscaler("a", behavior={"scaleUp": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 15}]}}),
        autoscaler("a", behavior={"scaleUp": {"policies": [{"type": "x", "value": 1, "periodSeconds": 3000}]}}),
        autoscaler("a", behavior={"scaleUp": {"selectPolicy": "x"}}),
    ),
    "quotas and limits": [
        *many(
            f"{CORE}/resourcequotas",
            quota(hard={"pods": "-1"}),
            quota(hard={"pods": "1.5"}),
            quota(hard={"nope": "1"}),
            quota(hard={"count/": "1"}),
            quota(hard={"cpu": "1"}, scopes=["Other"]),
            quota(hard={"cpu": "1"}, scopes=["BestEffort"]),
            quota(hard={"pods": "1"}, scopes=["BestEffort", "NotBestEffort"]),
            quota(hard={"pods": "1"}, scopes=["BestEffort", "BestEffort"]),
            quota(
                hard={"pods": "1"},
                scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]},
            ),
            quota(
                hard={"pods": "1"},
                scopeSelector={"matchExpressions": [{"scopeName": "BestEffort", "operator": "In", "values": ["a"]}]},
            ),
        ),
        *many(
            f"{CORE}/limitranges",
            limits(min={"cpu": "2"}, max={"cpu": "1"}),
            limits(default={"cpu": "3"}, max={"cpu": "1"}),
            limits(defaultRequest={"cpu": "3"}, default={"cpu": "1"}),
            limits(maxLimitRequestRatio={"cpu": "0.5"}),
            limits(type="Pod", default={"cpu": "1"}),
            limits(type=""),
            limits(max={"nope": "1"}),
            limits(type="PersistentVolumeClaim"),
        ),
    ],
    "services": [
        *many(
            f"{CORE}/services",
            service(type="Other"),
            service(sessionAffinity="x"),
            service(clusterIP="x"),
            service(ports=[{"port": 80}, {"port": 81}]),
            service(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]),
            service(ports=[{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]),
            service(ports=[{"port": 80, "protocol": "x"}]),
            service(ports=[{"port": 80, "targetPort": "Under_score"}]),
            service(ports=[{"port": 80, "nodePort": 30000}]),
            service(type="NodePort", ports=[{"port": 80, "nodePort": 80}]),
            service(type="ExternalName"),
            service(type="LoadBalancer", clusterIP="None"),
            service(selector={"a b": "c"}),
            service(externalIPs=["x"]),
            service(internalTrafficPolicy="x"),
        ),
        ("POST", f"{CORE}/services", service()),
        ("PATCH", f"{CORE}/services/s", {"spec": {"clusterIP": "10.96.7.7", "clusterIPs": ["10.96.7.7"]}}),
    ],
    "claims and volumes": [
        *many(
            f"{CORE}/persistentvolumeclaims",
            named("c", spec={**CLAIM, "storageClassName": "A_"}),
            named("c", spec={**CLAIM, "volumeMode": "x"}),
            named("c", spec={**CLAIM, "accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]}),
            named("c", spec={**CLAIM, "selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}),
            named("c", spec={**CLAIM, "resources": {}}),
            named("c", spec={**CLAIM, "dataSource": {"kind": "", "name": ""}}),
            named("c", spec={**CLAIM, "storageClassName": "x"}),
        ),
        ("PATCH", f"{CORE}/persistentvolumeclaims/c", {"spec": {"storageClassName": "y"}}),
        ("PATCH", f"{CORE}/persistentvolumeclaims/c", {"spec": {"accessModes": ["ReadWriteMany"]}}),
        ("PATCH", f"{CORE}/persistentvolumeclaims/c", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}),
        ("PATCH", f"{CORE}/persistentvolumeclaims/c", {"spec": {"resources": {"requests": {"storage": "1Mi"}}}}),
        *many(
            "/api/v1/persistentvolumes",
            named("v-NS", spec=VOLUME),
            named("v-NS", spec={**VOLUME, "nfs": {"server": "s", "path": "/p"}, "hostPath": {"path": "/x"}}),
            named("v-NS", spec={**VOLUME, "nfs": {}}),
            named("v-NS", spec={**VOLUME, "csi": {}}),
            named("v-NS", spec={**VOLUME, "hostPath": {"path": "a/../b"}}),
            named("v-NS", spec={**VOLUME, "capacity": {}, "nfs": {"server": "s", "path": "/p"}}),
            named(
                "v-NS",
                spec={**VOLUME, "capacity": {"storage": "1Gi", "cpu": "1"}, "nfs": {"server": "s", "path": "/p"}},
            ),
            named("v-NS", spec={**VOLUME, "persistentVolumeReclaimPolicy": "x", "nfs": {"server": "s", "path": "/p"}}),
            named("v-NS", spec={**VOLUME, "local": {"path": "/x"}}),
            named("v-NS", spec={**VOLUME, "nodeAffinity": {}, "nfs": {"server": "s", "path": "/p"}}),
            named("v-NS", spec={**VOLUME, "nfs": {"server": "s", "path": "/p"}}),
        ),
        ("PATCH", "/api/v1/persistentvolumes/v-NS", {"spec": {"nfs": {"server": "t"}}}),
        *many(
            f"{STORAGE}/storageclasses",
            named("s-NS"),
            named("s-NS", provisioner="a b"),
            named("s-NS", provisioner="a.b/c", reclaimPolicy="x"),
            named("s-NS", provisioner="a.b/c", volumeBindingMode="x"),
            named("s-NS", provisioner="a.b/c", parameters={"": "x"}),
            named("s-NS", provisioner="a.b/c"),
        ),
        ("PATCH", f"{STORAGE}/storageclasses/s-NS", {"provisioner": "x.y/z"}),
        ("PATCH", f"{STORAGE}/storageclasses/s-NS", {"parameters": {"a": "b"}}),
        ("PATCH", f"{STORAGE}/storageclasses/s-NS", {"reclaimPolicy": "Retain"}),
        ("PATCH", f"{STORAGE}/storageclasses/s-NS", {"volumeBindingMode": "WaitForFirstConsumer"}),
    ],
    "other kinds": [
        *many(
            "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
            named("p", spec={"minAvailable": -1}),
            named("p", spec={"minAvailable": "x"}),
            named("p", spec={"maxUnavailable": "101%"}),
            named("p", spec={"minAvailable": 1, "unhealthyPodEvictionPolicy": "x"}),
            named("p", spec={"minAvailable": 1, "selector": {"matchLabels": {"a b": "c"}}}),
        ),
        *many(
            "/apis/scheduling.k8s.io/v1/priorityclasses",
            named("p-NS", value=2000000000),
            named("system-NS", value=1),
            named("p-NS", value=1, preemptionPolicy="x"),
            named("p-NS", value=1),
        ),
        ("PATCH", "/apis/scheduling.k8s.io/v1/priorityclasses/p-NS", {"value": 2}),
        ("PATCH", "/apis/scheduling.k8s.io/v1/priorityclasses/p-NS", {"preemptionPolicy": "Never"}),
        *many(
            "/apis/coordination.k8s.io/v1/namespaces/NS/leases",
            named("l", spec={"leaseDurationSeconds": 0}),
            named("l", spec={"leaseTransitions": -1}),
        ),
        *many(
            f"{NETWORK}/namespaces/NS/ingresses",
            named("i", spec={}),
            named("i", spec={"rules": [{"host": "A_", "http": {"paths": []}}]}),
            named(
                "i",
                spec={
                    "rules": [
                        {
                            "http": {
                                "paths": [{"path": "x", "pathType": "Prefix", "backend": {"service": {"name": "s"}}}]
                            }
                        }
                    ]
                },
            ),
            named("i", spec={"rules": [{"http": {"paths": [{"path": "/", "backend": {}}]}}]}),
        ),
        *many(
            f"{NETWORK}/namespaces/NS/networkpolicies",
            named("n", spec={"podSelector": {}, "policyTypes": ["x"]}),
            named("n", spec={"podSelector": {}, "ingress": [{"from": [{}]}]}),
            named("n", spec={"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]}),
            named("n", spec={"podSelector": {}, "ingress": [{"ports": [{"port": 0}]}]}),
        ),
        *many(
            f"{RBAC}/namespaces/NS/roles",
            named("r", rules=[{"verbs": []}]),
            named("r", rules=[{"verbs": ["get"], "apiGroups": [""]}]),
            named("r", rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"]}]),
        ),
        *many(
            f"{RBAC}/namespaces/NS/rolebindings",
            named("b", roleRef={"kind": "Other", "name": "x"}),
            named("b", roleRef={"kind": "Role", "name": ""}),
            named("b", roleRef={"kind": "Role", "name": "r"}, subjects=[{"kind": "ServiceAccount", "name": "A_"}]),
            named("b", roleRef={"kind": "Role", "name": "r"}, subjects=[{"kind": "x", "name": "y"}]),
            named("b", roleRef={"kind": "Role", "name": "r"}),
        ),
        ("PATCH", f"{RBAC}/namespaces/NS/rolebindings/b", {"roleRef": {"name": "other"}}),
        *many(
            f"{CORE}/secrets",
            named("t", type="kubernetes.io/tls"),
            named("t", type="kubernetes.io/basic-auth"),
            named("t", type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": "x"}),
            named("t", type="kubernetes.io/service-account-token"),
            named("t", stringData={"a b": "c"}),
        ),
        *many(
            "/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices",
            named("s", addressType="x"),
            named("s", addressType="IPv4", endpoints=[{"addresses": []}]),
            named("s", addressType="IPv4", endpoints=[{"addresses": ["x"]}]),
        ),
    ],
    "pods": many(
        PODS,
        pod(hostname="A_"),
        pod(terminationGracePeriodSeconds=-1),
        pod(nodeName="A_"),
        pod(hostAliases=[{"ip": "x"}]),
        pod(imagePullSecrets=[{"name": "A_"}]),
        pod(securityContext={"runAsUser": -1}),
        pod(dnsPolicy="None"),
        pod(readinessGates=[{"conditionType": "a b"}]),
        pod(schedulingGates=[{"name": "a b"}]),
        pod(schedulingGates=[{"name": "a"}, {"name": "a"}]),
        pod(initContainers=[{"name": "c", "image": "x"}]),
        pod(initContainers=[{"name": "i", "image": "x", "restartPolicy": "Never"}]),
        pod(initContainers=[{"name": "i", "image": "x", "livenessProbe": {"exec": {"command": ["x"]}}}]),
        pod(container={"livenessProbe": {}}),
        pod(container={"livenessProbe": {"exec": {"command": []}}}),
        pod(container={"livenessProbe": {"exec": {"command": ["x"]}, "successThreshold": 2}}),
        pod(container={"livenessProbe": {"exec": {"command": ["x"]}, "periodSeconds": -1}}),
        pod(container={"livenessProbe": {"httpGet": {"port": 0}}}),
        pod(container={"readinessProbe": {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}}}),
        pod(container={"lifecycle": {"preStop": {}}}),
        pod(container={"terminationMessagePolicy": "x"}),
        pod(container={"ports": [{"containerPort": 80, "name": "Under_score"}]}),
        pod(container={"ports": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]}),
        pod(container={"ports": [{"containerPort": 80, "protocol": "x"}]}),
        pod(container={"ports": [{"containerPort": 80, "hostPort": 70000}]}),
        pod(container={"env": [{"name": "a=b"}]}),
        pod(container={"env": [{"name": "a", "valueFrom": {}}]}),
        pod(container={"env": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]}),
        pod(container={"env": [{"name": "a", "valueFrom": {"configMapKeyRef": {"name": "c", "key": ""}}}]}),
        pod(container={"envFrom": [{}]}),
        pod(container={"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "../y"}]}, volumes=[{"name": "v"}]),
        pod(container={"volumeMounts": [{"name": "v", "mountPath": "a:b"}]}, volumes=[{"name": "v"}]),
        pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]),
        pod(volumes=[{"name": "v", "hostPath": {"path": ""}}]),
        pod(volumes=[{"name": "v", "hostPath": {"path": "/x", "type": "y"}}]),
        pod(volumes=[{"name": "v", "secret": {}}]),
        pod(volumes=[{"name": "v", "configMap": {"name": ""}}]),
        pod(volumes=[{"name": "v", "projected": {"sources": [{}]}}]),
        pod(volumes=[{"name": "v", "nfs": {"server": "", "path": "x"}}]),
        pod(topologySpreadConstraints=[{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "x"}]),
        pod(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}),
        pod(
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Is"}]}]
                    }
                }
            }
        ),
        pod(affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ""}]}}),
        pod(container={"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}}),
        pod(runtimeClassName="nope"),
        pod(overhead={"cpu": "1"}),
        named("p", spec={"containers": [CONTAINER, CONTAINER]}),
        pod(os={"name": "x"}),
    ),
}
