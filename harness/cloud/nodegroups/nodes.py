"""The Node object that a managed node group's instance registers: labels, taints, capacity and allocatable as EKS
reports them. Pure.

Memory capacity and allocatable are measured values (fixtures/facts), not the nominal size; labels are those of two
public node dumps (Kubernetes 1.34).
"""

from __future__ import annotations

import hashlib
from typing import Any

from fixtures.facts import document, instance_type, node_allocatable
from harness.cloud.estate import NodeGroupSpec
from harness.cloud.instances import Instance
from harness.kube.objects import new_object
from harness.kube.resources import NODES

NOT_READY = "node.kubernetes.io/not-ready"
_GIB = 2**30


def node_labels(spec: NodeGroupSpec, instance: Instance, *, region: str) -> dict[str, str]:
    """Labels that kubelet, cloud provider and node group put on the node."""
    arch = instance_type(instance.pool.instance_type).arch
    zone = instance.pool.zone
    cluster_id = hashlib.sha256(spec.cluster.encode()).hexdigest()[:32]
    return {
        **spec.labels,
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/instance-type": instance.pool.instance_type,
        "beta.kubernetes.io/os": "linux",
        "eks.amazonaws.com/capacityType": spec.capacity_type,
        "eks.amazonaws.com/nodegroup": spec.name,
        "failure-domain.beta.kubernetes.io/region": region,
        "failure-domain.beta.kubernetes.io/zone": zone,
        "k8s.io/cloud-provider-aws": cluster_id,
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": instance.private_dns_name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": instance.pool.instance_type,
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
    }


def node_object(
    spec: NodeGroupSpec, instance: Instance, *, region: str, kubernetes_version: str, now: str
) -> dict[str, Any]:
    """The node as it registers: not ready, tainted so, with the group's labels and taints."""
    capacity = node_allocatable(instance.pool.instance_type)
    disk_bytes = spec.disk_gib * _GIB
    eviction_share = int(document("eks")["kube_reserved"]["eviction_hard"]["nodefs.available"].rstrip("%"))
    disk_left = disk_bytes * (100 - eviction_share) // 100 - _GIB  # kube-reserved keeps 1Gi of it
    return new_object(
        NODES,
        instance.private_dns_name,
        labels=node_labels(spec, instance, region=region),
        annotations={
            "alpha.kubernetes.io/provided-node-ip": instance.private_ip,
            "node.alpha.kubernetes.io/ttl": "0",
            "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        },
        spec={
            "providerID": instance.provider_id,
            "taints": [{"key": NOT_READY, "effect": "NoSchedule"}, *(taint.as_object() for taint in spec.taints)],
        },
        status={
            "capacity": {
                "cpu": str(capacity.cpu_capacity_m // 1000),
                "ephemeral-storage": f"{disk_bytes // 1024}Ki",
                "memory": f"{capacity.memory_capacity_mib}Mi",
                "pods": str(capacity.pods),
            },
            "allocatable": {
                "cpu": f"{capacity.cpu_allocatable_m}m",
                "ephemeral-storage": str(disk_left),
                "memory": f"{capacity.memory_allocatable_mib}Mi",
                "pods": str(capacity.pods),
            },
            "addresses": [
                {"type": "InternalIP", "address": instance.private_ip},
                {"type": "InternalDNS", "address": instance.private_dns_name},
                {"type": "Hostname", "address": instance.private_dns_name},
            ],
            "conditions": [
                {
                    "type": "Ready",
                    "status": "False",
                    "reason": "KubeletNotReady",
                    "message": "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
                    "message:Network plugin returns error: cni plugin not initialized",
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": now,
                }
            ],
            "nodeInfo": {
                "architecture": instance_type(instance.pool.instance_type).arch,
                "kubeletVersion": f"v{kubernetes_version}.0-eks",
                "operatingSystem": "linux",
                "osImage": "Amazon Linux 2023",
            },
        },
    )
