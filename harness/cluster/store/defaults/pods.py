"""Defaults of pods, and of the pod templates of other kinds (`pkg/apis/core/v1/defaults.go`)."""

from __future__ import annotations

from typing import Any

from harness.cluster.quota.amounts import requests_of
from harness.cluster.store.defaults.volumes import default_volume, dicts
from harness.kube.qos import containers

Draft = dict[str, Any]
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def default_pod(pod: Draft) -> None:
    """A pod: its spec, requests that follow the limits, and host ports on the host's network."""
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    host_network = spec.get("hostNetwork")
    for container in containers(spec):
        resources = container["resources"]
        if resources.get("limits"):
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
        if host_network:
            for port in container.get("ports") or ():
                port.setdefault("hostPort", port.get("containerPort"))
    if (spec.get("resources") or {}).get("limits"):
        _default_pod_requests(spec)


def _default_pod_requests(spec: Draft) -> None:
    """A pod with limits of its own requests what its containers request, and else its limits."""
    requests: Draft = dict(spec["resources"].get("requests") or {})
    for name, amount in requests_of(spec).items():
        if name in {"cpu", "memory"}:
            requests.setdefault(name, amount)
    for name, amount in spec["resources"]["limits"].items():
        if name in {"cpu", "memory"} or name.startswith("hugepages-"):
            requests.setdefault(name, amount)
    if requests:
        spec["resources"]["requests"] = requests


def default_pod_spec(spec: Draft) -> None:
    """The spec of a pod or of a template."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    if spec.setdefault("terminationGracePeriodSeconds", 30) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for container in containers(spec):
        default_container(container)
    for container in dicts(spec.get("ephemeralContainers")):
        default_container(container)
    for volume in dicts(spec.get("volumes")):
        default_volume(volume)


def default_container(container: Draft) -> None:
    """A container of any kind."""
    container.setdefault("imagePullPolicy", _pull_policy(str(container.get("image", ""))))
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("resources", {})
    for port in dicts(container.get("ports")):
        port.setdefault("protocol", "TCP")
    for entry in dicts(container.get("env")):
        reference = (entry.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            reference.setdefault("apiVersion", "v1")
    for name in _PROBES:
        if name in container:
            _default_probe(container[name])
    if "lifecycle" in container:
        for handler in container["lifecycle"].values():
            if isinstance(handler, dict) and "httpGet" in handler:
                _default_request(handler["httpGet"])


def _default_probe(probe: Draft) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    if "httpGet" in probe:
        _default_request(probe["httpGet"])
    if "grpc" in probe:
        probe["grpc"]["service"] = probe["grpc"].get("service") or ""


def _default_request(request: Draft) -> None:
    request.setdefault("path", "/")
    request.setdefault("scheme", "HTTP")


def _pull_policy(image: str) -> str:
    """Always for `:latest` and for no tag at all, unless a digest says which image it is."""
    if "@" in image:
        return "IfNotPresent"
    _, _, tag = image.rpartition("/")[2].partition(":")
    return "Always" if tag in {"", "latest"} else "IfNotPresent"
