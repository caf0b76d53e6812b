"""The DaemonSet controller: which nodes run a pod, and rolling updates, in pure modules; the loop in `controller`."""

from harness.cluster.controllers.daemonset.controller import DaemonSetController

__all__ = ["DaemonSetController"]
