"""The default profile: which plugins run, in upstream's order, with upstream's weights (`apis/config/v1/default_plugins.go`, 1.34).

Not here, as nothing in this project asks for them: VolumeRestrictions, NodeVolumeLimits, VolumeZone, DynamicResources, and the score of InterPodAffinity.
"""

from __future__ import annotations

from harness.cluster.scheduler.framework import Profile
from harness.cluster.scheduler.plugins.image_locality import ImageLocality
from harness.cluster.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from harness.cluster.scheduler.plugins.node_affinity import NodeAffinity
from harness.cluster.scheduler.plugins.node_name import NodeName
from harness.cluster.scheduler.plugins.node_ports import NodePorts
from harness.cluster.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from harness.cluster.scheduler.plugins.node_resources_fit import NodeResourcesFit
from harness.cluster.scheduler.plugins.node_unschedulable import NodeUnschedulable
from harness.cluster.scheduler.plugins.pod_topology_spread import DefaultSelector, PodTopologySpread
from harness.cluster.scheduler.plugins.taint_toleration import TaintToleration
from harness.cluster.scheduler.plugins.volume_binding import VolumeBinding, Volumes


def default_profile(volumes: Volumes, default_selector: DefaultSelector) -> Profile:
    """kube-scheduler without a configuration file."""
    taints, affinity, fit = TaintToleration(), NodeAffinity(), NodeResourcesFit()
    spread = PodTopologySpread(default_selector)
    return Profile(
        filters=(
            NodeUnschedulable(),
            NodeName(),
            taints,
            affinity,
            NodePorts(),
            fit,
            VolumeBinding(volumes),
            spread,
            InterPodAffinity(),
        ),
        scores=(
            (taints, 3),
            (affinity, 2),
            (spread, 2),
            (fit, 1),
            (NodeResourcesBalancedAllocation(), 1),
            (ImageLocality(), 1),
        ),
    )
