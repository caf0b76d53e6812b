"""The metrics APIs of a real control plane, served by the recorder: a small HTTPS server on loopback, registered through APIServices.

A Service of type ExternalName `localhost` leads the aggregator here. Each answer is worked out on the kernel's thread by `FedMetrics`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from harness.clock import SECOND, Kernel, format_time
from harness.cluster.api.tls import make_credentials
from harness.cluster.metrics import MetricsError, MetricValue
from harness.fidelity.metrics import FedMetrics
from harness.kube.client import Writer
from harness.kube.objects import new_object
from harness.kube.resources import API_SERVICES, SERVICES
from harness.kube.selectortext import parse

RESOURCE, CUSTOM, EXTERNAL = (
    "metrics.k8s.io/v1beta1",
    "custom.metrics.k8s.io/v1beta2",
    "external.metrics.k8s.io/v1beta1",
)
_NAMESPACE, _SERVICE = "kube-system", "fidelity-metrics"
_PATHS = (
    (re.compile(rf"/apis/({RESOURCE}|{CUSTOM}|{EXTERNAL})"), "resources"),
    (re.compile(rf"/apis/{RESOURCE}(?:/namespaces/([^/]+))?/pods"), "pods"),
    (re.compile(rf"/apis/{CUSTOM}/namespaces/([^/]+)/pods/\*/(.+)"), "of_pods"),
    (re.compile(rf"/apis/{CUSTOM}/namespaces/([^/]+)/([^/]+)/([^/]+)/(.+)"), "of_object"),
    (re.compile(rf"/apis/{EXTERNAL}/namespaces/([^/]+)/(.+)"), "external"),
)
_KINDS = {"services": "Service", "ingresses.networking.k8s.io": "Ingress", "pods": "Pod", "namespaces": "Namespace"}


class AggregatedMetrics:
    """Listens from the start; `register` tells an API server of it."""

    def __init__(self, kernel: Kernel, metrics: FedMetrics) -> None:
        self._kernel = kernel
        self._metrics = metrics
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            """Gives to `answer`."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                split = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(split.query).items()}
                code, body = answer(unquote(split.path), query)
                data = orjson.dumps(body)
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = make_credentials().server_context().wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="metrics-api", daemon=True).start()

    def register(self, writer: Writer) -> list[str]:
        """Create the Service and the APIServices; their names."""
        spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": self.port}]}
        writer.create(SERVICES, new_object(SERVICES, _SERVICE, _NAMESPACE, spec=spec))
        names = []
        for group_version in (RESOURCE, CUSTOM, EXTERNAL):
            group, _, version = group_version.partition("/")
            service = {"name": _SERVICE, "namespace": _NAMESPACE, "port": self.port}
            body = {
                "group": group,
                "version": version,
                "service": service,
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            }
            names.append(f"{version}.{group}")
            writer.create(API_SERVICES, new_object(API_SERVICES, names[-1], spec=body))
        return names

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        """Code and body for a path."""
        for pattern, name in _PATHS:
            if match := pattern.fullmatch(path):
                handler: Callable[..., Any] = getattr(self, f"_{name}")
                try:
                    return 200, self._kernel.call(partial(handler, query, *match.groups()))
                except MetricsError as error:
                    return 404, _status(404, "NotFound", str(error).partition(": ")[2] or str(error))
        return 404, _status(404, "NotFound", "the server could not find the requested resource")

    def _resources(self, _query: Mapping[str, str], group_version: str) -> Any:
        pods = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
        resources = [pods] if group_version == RESOURCE else []
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}

    def _pods(self, query: Mapping[str, str], namespace: str | None) -> Any:
        items = self._metrics.pod_metrics(namespace, parse(query.get("labelSelector", "")))
        return {"kind": "PodMetricsList", "apiVersion": RESOURCE, "metadata": {}, "items": list(items)}

    def _of_pods(self, query: Mapping[str, str], namespace: str, metric: str) -> Any:
        selector = parse(query.get("labelSelector", ""))
        found = self._metrics.of_pods(namespace, metric, selector, parse(query.get("metricLabelSelector", "")))
        return _values([_value(namespace, "Pod", name, metric, value) for name, value in found.items()])

    def _of_object(self, query: Mapping[str, str], namespace: str, plural: str, name: str, metric: str) -> Any:
        kind = _KINDS.get(plural, plural)
        selector = parse(query.get("metricLabelSelector", ""))
        value = self._metrics.of_object(namespace, metric, {"kind": kind, "name": name}, selector)
        return _values([_value(namespace, kind, name, metric, value)])

    def _external(self, query: Mapping[str, str], namespace: str, metric: str) -> Any:
        selector = parse(query.get("labelSelector", ""))
        values = self._metrics.values(namespace, metric, selector)
        labels = self._metrics.labels(namespace, metric, selector)
        items = [
            {
                "metricName": metric,
                "metricLabels": dict(found),
                "timestamp": format_time(value.timestamp_us),
                "value": f"{value.value_milli}m",
            }
            for value, found in zip(values, labels, strict=True)
        ]
        return {"kind": "ExternalMetricValueList", "apiVersion": EXTERNAL, "metadata": {}, "items": items}


def _values(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": "MetricValueList", "apiVersion": CUSTOM, "metadata": {}, "items": items}


def _value(namespace: str, kind: str, name: str, metric: str, value: MetricValue) -> dict[str, Any]:
    found: dict[str, Any] = {
        "describedObject": {"kind": kind, "namespace": namespace, "name": name, "apiVersion": "v1"},
        "metric": {"name": metric},
        "timestamp": format_time(value.timestamp_us),
        "value": f"{value.value_milli}m",
    }
    if value.window_us:
        found["windowSeconds"] = value.window_us // SECOND
    return found


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
