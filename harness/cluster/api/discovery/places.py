"""What discovery knows beyond the stored types: resources without objects, what a subresource takes, and the order in which groups are listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.kube.resources import NAMESPACES, Resource

EVERY = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_CUSTOM = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_CHANGES = ("get", "patch", "update")


def _created(group: str, plural: str, kind: str, *, namespaced: bool = False) -> Resource:
    return Resource(group, "v1", plural, kind, namespaced, kind.lower())


BINDINGS = _created("", "bindings", "Binding", namespaced=True)
TOKEN_REVIEWS = _created("authentication.k8s.io", "tokenreviews", "TokenReview")
SELF_SUBJECT_REVIEWS = _created("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview")
SUBJECT_ACCESS_REVIEWS = _created("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview")
LOCAL_SUBJECT_ACCESS_REVIEWS = _created(
    "authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", namespaced=True
)
SELF_SUBJECT_ACCESS_REVIEWS = _created("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview")
SELF_SUBJECT_RULES_REVIEWS = _created("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview")
CREATED_ONLY: tuple[Resource, ...] = (
    BINDINGS,
    SELF_SUBJECT_REVIEWS,
    TOKEN_REVIEWS,
    LOCAL_SUBJECT_ACCESS_REVIEWS,
    SELF_SUBJECT_ACCESS_REVIEWS,
    SELF_SUBJECT_RULES_REVIEWS,
    SUBJECT_ACCESS_REVIEWS,
)
"""Resources that are only sent: they are answered, not stored."""
NODE_METRICS = Resource("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", False)
POD_METRICS = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", True)
METRICS: tuple[Resource, ...] = (NODE_METRICS, POD_METRICS)
"""Resources of the metrics-server, which are worked out when they are read."""


@dataclass(frozen=True)
class Sub:
    """What a subresource takes: its verbs, and its kind where that is not the resource's own."""

    verbs: Sequence[str]
    group: str = ""
    version: str = ""
    kind: str = ""


_STREAM = ("create", "get")
_SUBRESOURCES: Mapping[str, Sub] = {
    "attach": Sub(_STREAM, kind="PodAttachOptions"),
    "binding": Sub(("create",), kind="Binding"),
    "ephemeralcontainers": Sub(_CHANGES),
    "eviction": Sub(("create",), "policy", "v1", "Eviction"),
    "exec": Sub(_STREAM, kind="PodExecOptions"),
    "finalize": Sub(("update",)),
    "log": Sub(("get",)),
    "portforward": Sub(_STREAM, kind="PodPortForwardOptions"),
    "resize": Sub(_CHANGES),
    "scale": Sub(_CHANGES, "autoscaling", "v1", "Scale"),
    "status": Sub(_CHANGES),
    "token": Sub(("create",), "authentication.k8s.io", "v1", "TokenRequest"),
}
NOT_SERVED = frozenset({"ephemeralcontainers", "resize"})
"""Subresources that no node here would act on: to list them would promise what does not happen."""


def subresources(resource: Resource) -> tuple[str, ...]:
    """The subresources of a type that the HTTP face serves."""
    return tuple(name for name in resource.subresources if name in _SUBRESOURCES and name not in NOT_SERVED)


def sub(name: str) -> Sub:
    """What a subresource takes."""
    return _SUBRESOURCES[name]


def verbs(resource: Resource, *, custom: bool = False) -> tuple[str, ...]:
    """The verbs of a type, in the order of the real server."""
    if resource in CREATED_ONLY:
        return ("create",)
    if resource in METRICS:
        return ("get", "list")
    if resource == NAMESPACES:
        return tuple(verb for verb in EVERY if verb != "deletecollection")
    return _CUSTOM if custom else EVERY


_GROUPS = (
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
)
_RANKS = {name: rank for rank, name in enumerate(_GROUPS)}
_LAST = {"metrics.k8s.io": 1}  # its APIService has the lowest priority


def group_rank(group: str) -> tuple[int, int, str]:
    """Where a group stands: the built-in ones in their order, those of definitions, then the metrics-server's."""
    return _RANKS.get(group, len(_GROUPS)), _LAST.get(group, 0), group


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Where a version of a group stands (apimachinery `version.CompareKubeAwareVersionStrings`): v2, v1, v1beta2, v1alpha1, then others by name."""
    digits = version.removeprefix("v")
    for place, stage in enumerate(("", "beta", "alpha")):
        major, _, minor = digits.partition(stage) if stage else (digits, "", "0")
        if version.startswith("v") and major.isdigit() and minor.isdigit():
            return place, -int(major), -int(minor), ""
    return 3, 0, 0, version
