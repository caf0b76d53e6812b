"""The default profile: which plugins run, in upstream's order, with upstream's weights (`apis/config/v1/default_plugins.go`, 1.34 to 1.36).

Not here: DynamicResources (nothing here has ResourceClaims; its texts are in `texts`), NodeDeclaredFeatures (1.36: no kubelet here declares any),
extenders and further profiles. SchedulingGates and PrioritySort are the queue's, DefaultPreemption is called by the cycle, DefaultBinder by the
scheduler.
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
from harness.cluster.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from harness.cluster.scheduler.plugins.pod_topology_spread import DefaultSelector, PodTopologySpread
from harness.cluster.scheduler.plugins.taint_toleration import TaintToleration
from harness.cluster.scheduler.plugins.volume_binding import VolumeBinding
from harness.cluster.scheduler.plugins.volume_restrictions import VolumeRestrictions
from harness.cluster.scheduler.plugins.volume_zone import VolumeZone
from harness.cluster.scheduler.volumes import Volumes


def default_profile(volumes: Volumes, default_selector: DefaultSelector) -> Profile:
    """kube-scheduler without a configuration file."""
    taints, affinity, fit = TaintToleration(), NodeAffinity(), NodeResourcesFit()
    spread, pods = PodTopologySpread(default_selector), InterPodAffinity()
    return Profile(
        local_filters=(NodeUnschedulable(), NodeName(), taints, affinity, NodePorts(), fit),
        wide_filters=(
            VolumeRestrictions(volumes),
            NodeVolumeLimits(volumes),
            VolumeBinding(volumes),
            VolumeZone(volumes),
            spread,
            pods,
        ),
        local_scores=((taints, 3), (affinity, 2), (fit, 1), (NodeResourcesBalancedAllocation(), 1)),
        wide_scores=((spread, 2), (pods, 2), (ImageLocality(), 1)),
        belongs=lambda pod: default_selector(pod) is not None,
    )
