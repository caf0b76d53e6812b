"""The StatefulSet controller: names, claims and status in pure modules, the order of work in `work`, the loop in `controller`."""

from harness.cluster.controllers.statefulset.controller import StatefulSetController

__all__ = ["StatefulSetController"]
