"""Random clusters and pods, a function of the seed: everything that the default plugins look at, in proportions that make decisions differ.

A cluster has 3 to 100 nodes of several sizes in up to four zones, with labels, taints, images and extended resources, pods on them with affinities,
ports and priorities, Services that select some of them, claims and volumes. Each pod that is tried draws a few wishes. The last one of a cluster may
change it: it preempts, or its claims are bound. Small, full clusters (`draw_pressed`) are for preemption alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.kube import quantity

HOSTNAME, ZONE, REGION, RACK = (
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "rack",
)
NAMESPACES = {"agree-a": {"team": "red"}, "agree-b": {"team": "blue"}}
NEVER = "agree-never"
PRIORITIES = {"agree-low": 10, "agree-mid": 1000, "agree-high": 100_000, NEVER: 100_000}
APPS = ("web", "db", "cache", "batch", "api", "log")
IMAGES = {"big:1": 900_000_000, "mid:2": 350_000_000, "small:latest": 40_000_000, "host:5000/x/y:3": 600_000_000}
DRIVER = "agree.csi.example.com"
GPU = "example.com/gpu"
_Object = dict[str, Any]


@dataclass
class Drawn:
    """A cluster to create, and the pods to try in it."""

    seed: int
    objects: list[_Object] = field(default_factory=list)
    tries: list[tuple[_Object, list[_Object]]] = field(default_factory=list)  # the pod, and what comes with it


def draw(seed: int, tries: int) -> Drawn:
    """The cluster of this seed."""
    return _Draw(seed).cluster(tries)


def draw_pressed(seed: int) -> Drawn:
    """A small, full cluster of this seed, and one pod for which others may have to go."""
    return _Draw(seed).pressed()


def shared_objects() -> list[_Object]:
    """What all clusters use: namespaces and priority classes."""
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        for name, labels in NAMESPACES.items()
    ]
    classes = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "preemptionPolicy": "Never" if name == NEVER else "PreemptLowerPriority",
        }
        for name, value in PRIORITIES.items()
    ]
    return [*namespaces, *classes]


class _Draw:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.r = random.Random(seed)
        self.drawn = Drawn(seed)
        self.nodes: list[_Object] = []
        self.counter = 0
        self.claims: dict[str, str] = {}

    def cluster(self, tries: int) -> Drawn:
        """Nodes, volumes, pods on nodes, Services, then the pods to try."""
        r = self.r
        smallest, largest = r.choices([(3, 12), (5, 30), (10, 40), (60, 100)], [4, 4, 3, 1])[0]
        size = r.randint(smallest, largest)
        zones = r.randint(1, 4)
        self.has_racks = r.random() < 0.5
        self.crowded = r.random() < 0.6
        for number in range(size):
            self.nodes.append(self.node(number, zones))
        self.drawn.objects += self.nodes
        self.storage()
        per_node = r.choice([1, 2, 4]) if size > 40 else r.choice([2, 4, 7])
        for node in self.nodes:
            for _ in range(r.randint(0, per_node)):
                self.drawn.objects.append(self.placed(node))
        for app in r.sample(APPS, r.randint(0, 3)):
            self.drawn.objects.append(self.service(app))
        if r.random() < 0.6:
            for app in r.sample(APPS, 2):
                self.drawn.objects.append(self.budget(app))
        for turn in range(tries):
            self.drawn.tries.append(self.wishing(last=turn == tries - 1))
        return self.drawn

    def pressed(self) -> Drawn:
        """Nodes filled with pods of several priorities, budgets, and a pod that wants more than is free."""
        r = self.r
        self.has_racks, self.crowded = False, True
        for number in range(r.randint(2, 8)):
            self.nodes.append(self.node(number, 2))
        self.drawn.objects += self.nodes
        for node in self.nodes:
            free = quantity.milli(node["status"]["allocatable"]["cpu"])
            for _ in range(min(int(node["status"]["allocatable"]["pods"]) - 1, 9)):
                placed = self.placed(node)
                asked = quantity.milli(
                    ((placed["spec"]["containers"][0].get("resources") or {}).get("requests") or {}).get("cpu", 0)
                )
                if asked <= free:
                    free -= asked
                    self.drawn.objects.append(placed)
        for app in r.sample(APPS, r.randint(0, 4)):
            self.drawn.objects.append(self.budget(app))
        pod = self.base(self.name("p"), r.choice(list(NAMESPACES)))
        self.prioritised(pod, r.choice(["agree-mid", "agree-high", "agree-high"]))
        pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": f"{self.large_request()}m", "memory": "512Mi"}}
        for wish in r.sample(
            [self.wish_tolerations, self.wish_pods, self.wish_spread, self.wish_ports], r.randint(0, 1)
        ):
            wish(pod)
        self.drawn.tries.append((pod, []))
        return self.drawn

    def name(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}-{self.seed}-{self.counter}"

    def node(self, number: int, zones: int) -> _Object:
        r = self.r
        name = f"n{number}-{self.seed}"
        cpu = r.choice(["2", "4", "4", "8", "16", "3500m"])
        memory = r.choice(["4Gi", "8Gi", "16Gi", "31Gi", "7900Mi", "64000000Ki"])
        amounts = {
            "cpu": cpu,
            "memory": memory,
            "pods": r.choice(["110", "110", "110", "8", "4"]),
            "ephemeral-storage": r.choice(["20Gi", "100Gi"]),
        }
        labels = {HOSTNAME: name, "disk": r.choice(["ssd", "hdd"]), "size": str(r.randint(1, 9))}
        if r.random() < 0.95:
            labels[ZONE] = f"z{number % zones}"
            labels[REGION] = "r1"
        if self.has_racks and r.random() < 0.8:
            labels[RACK] = f"k{r.randint(0, 5)}"
        if r.random() < 0.2:
            labels["pool"] = r.choice(["gpu", "spot"])
        if r.random() < 0.25:
            amounts[GPU] = str(r.randint(1, 4))
        taints = []
        if r.random() < 0.15:
            taints.append(
                {"key": "dedicated", "value": r.choice(["a", "b"]), "effect": r.choice(["NoSchedule", "NoExecute"])}
            )
        soft = [key for key in ("slow", "old") if r.random() < 0.15]
        taints += [{"key": key, "effect": "PreferNoSchedule"} for key in soft]
        spec: _Object = {"taints": taints} if taints else {}
        if r.random() < 0.05:
            spec["unschedulable"] = True
        images = [{"names": [image], "sizeBytes": bytes_} for image, bytes_ in IMAGES.items() if r.random() < 0.3]
        status: _Object = {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        }
        if images:
            status["images"] = images
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
            "status": status,
        }

    def storage(self) -> None:
        """Claims that pods can use: bound ones with zones, affinities or one user; unbound ones; classes that wait."""
        r = self.r
        if r.random() < 0.4:
            return
        zone = {"labels": {ZONE: "z0"}}
        affinity = {
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
                }
            }
        }
        self.bound_claim("zoned", zone, {})
        self.bound_claim("ssd", {}, affinity)
        self.bound_claim("plain", {}, {})
        self.bound_claim("alone", {}, {}, mode="ReadWriteOncePod")
        unbound = self.claim(self.name("unbound"), "ReadWriteOnce", storageClassName="")
        self.claims["unbound"] = unbound["metadata"]["name"]
        self.drawn.objects.append(unbound)
        for node in r.sample(self.nodes, len(self.nodes) // 2):
            limit = {"name": DRIVER, "nodeID": "x", "topologyKeys": [], "allocatable": {"count": r.randint(1, 3)}}
            self.drawn.objects.append(
                {
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "CSINode",
                    "metadata": {"name": node["metadata"]["name"]},
                    "spec": {"drivers": [limit]},
                }
            )
        self.class_name = self.name("waits")
        topologies = [{"matchLabelExpressions": [{"key": ZONE, "values": ["z0", "z1"]}]}] if r.random() < 0.5 else None
        waits: _Object = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": self.class_name},
            "provisioner": r.choice([DRIVER, "kubernetes.io/no-provisioner"]),
            "volumeBindingMode": "WaitForFirstConsumer",
        }
        if topologies:
            waits["allowedTopologies"] = topologies
        self.drawn.objects.append(waits)
        for _ in range(r.randint(0, 3)):
            keys = r.choice([{}, affinity])
            self.drawn.objects.append(self.volume(self.name("free"), {}, {**keys, "storageClassName": self.class_name}))
        self.claims["waits"] = "waits"

    def volume(self, name: str, metadata: _Object, spec: _Object, mode: str = "ReadWriteOnce") -> _Object:
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, **metadata},
            "spec": {
                "capacity": {"storage": f"{self.r.randint(1, 9)}Gi"},
                "accessModes": [mode],
                "persistentVolumeReclaimPolicy": "Retain",
                "csi": {"driver": DRIVER, "volumeHandle": name},
                **spec,
            },
        }

    def claim(self, name: str, mode: str, **spec: Any) -> _Object:
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": "agree-a"},
            "spec": {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}, **spec},
        }

    def bound_claim(self, kind: str, metadata: _Object, spec: _Object, mode: str = "ReadWriteOnce") -> None:
        name = self.name(kind)
        reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "agree-a", "name": name}
        self.drawn.objects.append(
            self.volume(name, metadata, {**spec, "claimRef": reference, "storageClassName": ""}, mode)
        )
        self.drawn.objects.append(self.claim(name, mode, storageClassName="", volumeName=name))
        self.claims[kind] = name

    def service(self, app: str) -> _Object:
        spec = {"clusterIP": "None", "selector": {"app": app}, "ports": [{"port": 80}]}
        metadata = {"name": self.name("svc"), "namespace": self.r.choice(list(NAMESPACES))}
        return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}

    def budget(self, app: str) -> _Object:
        r = self.r
        spec = {
            "selector": {"matchLabels": {"app": app}},
            r.choice(["minAvailable", "maxUnavailable"]): r.choice([0, 1, 2]),
        }
        metadata = {"name": self.name("pdb"), "namespace": r.choice(list(NAMESPACES))}
        return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}

    def base(self, name: str, namespace: str) -> _Object:
        r = self.r
        labels = {"app": r.choice(APPS), "rev": r.choice(["1", "2"])}
        if r.random() < 0.3:
            labels["tier"] = r.choice(["front", "back"])
        container: _Object = {"name": "c", "image": r.choice([*IMAGES, "none:1"])}
        spec: _Object = {"containers": [container], "terminationGracePeriodSeconds": 30}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": spec,
        }

    def prioritised(self, pod: _Object, name: str | None) -> None:
        if name is not None:
            pod["spec"]["priorityClassName"] = name
            pod["spec"]["priority"] = PRIORITIES[name]

    def placed(self, node: _Object) -> _Object:
        """A pod that is on a node already."""
        r = self.r
        pod = self.base(self.name("b"), r.choice(["agree-a", "agree-a", "agree-b"]))
        spec = pod["spec"]
        spec["nodeName"] = node["metadata"]["name"]
        spec["tolerations"] = [{"operator": "Exists"}]  # else the taint eviction controller takes it away
        amounts = {
            "cpu": r.choice(["100m", "250m", "500m", "1", "1500m"]),
            "memory": r.choice(["128Mi", "500Mi", "1Gi", "3Gi"]),
        }
        if r.random() < 0.85:
            spec["containers"][0]["resources"] = {"requests": amounts}
        if self.crowded or r.random() < 0.3:
            self.prioritised(pod, r.choice([None, "agree-low", "agree-low", "agree-mid"]))
        if r.random() < 0.15:
            spec["affinity"] = self.affinity(r.choice(["podAntiAffinity", "podAffinity"]))
        if r.random() < 0.08:
            spec["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": r.choice([80, 8080])}]
        if self.claims and pod["metadata"]["namespace"] == "agree-a" and r.random() < 0.06:
            kind = r.choice(["zoned", "ssd", "plain", "alone"])
            spec["volumes"] = [self.mounts(self.claims[kind])]
        started = f"2026-01-01T{r.randint(0, 23):02d}:{r.randint(0, 59):02d}:{r.randint(0, 59):02d}Z"
        pod["status"] = {
            "phase": "Running",
            "startTime": started,
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": started}],
        }
        return pod

    def mounts(self, claim: str) -> _Object:
        return {"name": f"v{self.counter}", "persistentVolumeClaim": {"claimName": claim}}

    def term(self) -> _Object:
        r = self.r
        selector: _Object = {"matchLabels": {"app": r.choice(APPS)}}
        if r.random() < 0.25:
            selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": r.sample(APPS, 2)}]}
        term: _Object = {"topologyKey": r.choice([HOSTNAME, ZONE, ZONE, RACK]), "labelSelector": selector}
        if r.random() < 0.2:
            term["namespaces"] = r.sample(list(NAMESPACES), r.randint(1, 2))
        if r.random() < 0.2:
            term["namespaceSelector"] = r.choice([{}, {"matchLabels": {"team": "blue"}}])
        if r.random() < 0.15:
            term[r.choice(["matchLabelKeys", "mismatchLabelKeys"])] = ["rev"]
        return term

    def affinity(self, kind: str) -> _Object:
        r = self.r
        found: _Object = {}
        if r.random() < 0.45:
            found["requiredDuringSchedulingIgnoredDuringExecution"] = [self.term()]
        if not found or r.random() < 0.5:
            found["preferredDuringSchedulingIgnoredDuringExecution"] = [
                {"weight": r.randint(1, 100), "podAffinityTerm": self.term()} for _ in range(r.randint(1, 2))
            ]
        return {kind: found}

    def spread(self) -> list[_Object]:
        r = self.r
        found = []
        for key in r.sample([ZONE, HOSTNAME, RACK], r.randint(1, 2)):
            hard = r.random() < 0.4
            rule: _Object = {
                "maxSkew": r.randint(1, 3),
                "topologyKey": key,
                "whenUnsatisfiable": "DoNotSchedule" if hard else "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": r.choice(APPS)}},
            }
            if hard and r.random() < 0.3:
                rule["minDomains"] = r.randint(1, 5)
            if r.random() < 0.3:
                rule["nodeAffinityPolicy"] = r.choice(["Honor", "Ignore"])
            if r.random() < 0.3:
                rule["nodeTaintsPolicy"] = r.choice(["Honor", "Ignore"])
            if r.random() < 0.3:
                rule["matchLabelKeys"] = ["rev"]
            found.append(rule)
        return found

    def node_affinity(self) -> _Object:
        r = self.r

        def term() -> _Object:
            return r.choice(
                [
                    {"matchExpressions": [{"key": "disk", "operator": "In", "values": [r.choice(["ssd", "hdd"])]}]},
                    {
                        "matchExpressions": [
                            {"key": "size", "operator": r.choice(["Gt", "Lt"]), "values": [str(r.randint(2, 7))]}
                        ]
                    },
                    {"matchExpressions": [{"key": "pool", "operator": r.choice(["Exists", "DoesNotExist"])}]},
                    {"matchExpressions": [{"key": ZONE, "operator": "NotIn", "values": ["z0"]}]},
                ]
            )

        found: _Object = {}
        if r.random() < 0.5:
            found["requiredDuringSchedulingIgnoredDuringExecution"] = {
                "nodeSelectorTerms": [term() for _ in range(r.randint(1, 2))]
            }
            if r.random() < 0.15:
                names = [node["metadata"]["name"] for node in r.sample(self.nodes, min(3, len(self.nodes)))]
                fields = {
                    "matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]} for name in names[:1]]
                }
                found["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [fields]}
        if not found or r.random() < 0.6:
            found["preferredDuringSchedulingIgnoredDuringExecution"] = [
                {"weight": r.randint(1, 100), "preference": term()} for _ in range(r.randint(1, 3))
            ]
        return {"nodeAffinity": found}

    def wishing(self, *, last: bool) -> tuple[_Object, list[_Object]]:
        """A pod to try, with one to four wishes. Only the last one of a cluster may preempt or have claims bound: it changes the cluster."""
        r = self.r
        pod = self.base(self.name("p"), r.choice(["agree-a", "agree-a", "agree-b"]))
        spec = pod["spec"]
        extra: list[_Object] = []
        requests = {
            "cpu": r.choice(["50m", "100m", "333m", "700m", "1200m", "2"]),
            "memory": r.choice(["64Mi", "300Mi", "900Mi", "2Gi"]),
        }
        if r.random() < 0.85:
            spec["containers"][0]["resources"] = {"requests": requests}
        wishes: list[Callable[[_Object], None]] = [
            self.wish_node_affinity,
            self.wish_selector,
            self.wish_tolerations,
            self.wish_pods,
            self.wish_pods,
            self.wish_spread,
            self.wish_spread,
            self.wish_ports,
            self.wish_resources,
            self.wish_containers,
            self.wish_claims,
        ]
        for wish in r.sample(wishes, r.randint(0, 4)):
            wish(pod)
        if last and r.random() < 0.75:
            self.prioritised(pod, r.choice(["agree-mid", "agree-high", "agree-high"]))
            spec.pop("resources", None)
            spec.pop("initContainers", None)
            spec["containers"][0]["resources"] = {"requests": {"cpu": f"{self.large_request()}m", "memory": "1Gi"}}
            spec["tolerations"] = [{"operator": "Exists"}]
            if r.random() < 0.1:
                self.prioritised(pod, NEVER)
                spec["preemptionPolicy"] = "Never"
        elif last and "waits" in self.claims and pod["metadata"]["namespace"] == "agree-a":
            claim = self.claim(self.name("w"), "ReadWriteOnce", storageClassName=self.class_name)
            extra.append(claim)
            spec.setdefault("volumes", []).append(self.mounts(claim["metadata"]["name"]))
        else:
            self.prioritised(pod, None)
        return pod, extra

    def large_request(self) -> int:
        """Millicores that only the largest nodes have, and these only when they are nearly empty."""
        offered = [quantity.milli(node["status"]["allocatable"]["cpu"]) for node in self.nodes]
        return int(self.r.choice([max(offered), self.r.choice(offered)]) * self.r.uniform(0.6, 0.98))

    def wish_node_affinity(self, pod: _Object) -> None:
        pod["spec"].setdefault("affinity", {}).update(self.node_affinity())

    def wish_selector(self, pod: _Object) -> None:
        pod["spec"]["nodeSelector"] = self.r.choice([{"disk": "ssd"}, {ZONE: "z0"}, {"pool": "gpu"}, {"disk": "none"}])

    def wish_tolerations(self, pod: _Object) -> None:
        pod["spec"]["tolerations"] = self.r.choice(
            [
                [{"key": "dedicated", "operator": "Exists"}],
                [{"key": "dedicated", "value": "a", "effect": "NoSchedule"}],
                [{"key": "slow", "operator": "Exists", "effect": "PreferNoSchedule"}],
                [{"operator": "Exists"}],
            ]
        )

    def wish_pods(self, pod: _Object) -> None:
        kind = self.r.choice(["podAffinity", "podAntiAffinity"])
        pod["spec"].setdefault("affinity", {}).update(self.affinity(kind))

    def wish_spread(self, pod: _Object) -> None:
        pod["spec"]["topologySpreadConstraints"] = self.spread()

    def wish_ports(self, pod: _Object) -> None:
        pod["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": self.r.choice([80, 8080])}]

    def wish_resources(self, pod: _Object) -> None:
        r = self.r
        requests = pod["spec"]["containers"][0].setdefault("resources", {}).setdefault("requests", {})
        kind = r.choice(["gpu", "huge", "ephemeral", "gpu" if "initContainers" in pod["spec"] else "pod"])
        if kind == "gpu":
            requests[GPU] = str(r.randint(1, 3))
            pod["spec"]["containers"][0]["resources"]["limits"] = {GPU: requests[GPU]}
        elif kind == "huge":
            requests.update(r.choice([{"cpu": "40"}, {"memory": "500Gi"}, {"cpu": "12"}, {"memory": "20Gi"}]))
        elif kind == "ephemeral":
            requests["ephemeral-storage"] = r.choice(["5Gi", "30Gi", "150Gi"])
        else:
            del pod["spec"]["containers"][0]["resources"]
            pod["spec"]["resources"] = {"requests": {"cpu": "3", "memory": "4Gi"}}

    def wish_containers(self, pod: _Object) -> None:
        r = self.r
        sidecar = {
            "name": "s",
            "image": r.choice(list(IMAGES)),
            "restartPolicy": "Always",
            "resources": {"requests": {"cpu": "300m"}},
        }
        once = {
            "name": "i",
            "image": r.choice(list(IMAGES)),
            "resources": {"requests": {"cpu": "1800m", "memory": "1Gi"}},
        }
        if "resources" in pod["spec"]:
            return  # the API server wants the pod's own requests to cover these
        pod["spec"]["initContainers"] = r.choice([[sidecar], [once], [sidecar, once], [once, sidecar]])

    def wish_claims(self, pod: _Object) -> None:
        kinds: Sequence[str] = ("zoned", "ssd", "plain", "alone", "unbound", "missing")
        if self.claims and pod["metadata"]["namespace"] == "agree-a":
            kind = self.r.choice(kinds)
            pod["spec"]["volumes"] = [self.mounts(self.claims.get(kind, "missing"))]
