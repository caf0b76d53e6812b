"""The kubelets: pods' lives on their nodes, and the runtimes that run containers."""

from harness.cluster.kubelet.kubelets import Kubelets

__all__ = ["Kubelets"]
