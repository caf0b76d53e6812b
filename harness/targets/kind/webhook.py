"""Mutating admission for a real API server: an HTTPS server on the servers' address, and the MutatingWebhookConfiguration that names it.

Follows admission.k8s.io/v1 and admissionregistration.k8s.io/v1 (Kubernetes 1.34). The failure policy is Fail: a pod that slipped past would run without
its endpoints and ask the real AWS. An API server learns of a configuration through its own watch, some time after the create was answered, so
`open` asks it dry-run questions until one comes here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from aiohttp import web

from harness.cloud.file_systems import DRIVER
from harness.cloud.serving import BODY_BYTES_MAX, Served, ServerThread
from harness.cluster.api.tls import make_credentials
from harness.kube.errors import AlreadyExists, ApiError, NotFound, Transient
from harness.kube.objects import Object, freeze, new_object
from harness.kube.remote import RemoteWriter, Transport
from harness.kube.remote.paths import path_of
from harness.kube.resources import MUTATING_WEBHOOK_CONFIGURATIONS, PERSISTENT_VOLUMES, PODS, Resource
from harness.targets.kind.admission import AdmissionRefused, Patch, Review

_PATH = "/mutate"
_OF_DRIVER = f'has(object.spec.csi) && object.spec.csi.driver == "{DRIVER}"'
_ANSWER_LIMIT_S = 10
_EFFECTIVE_LIMIT_S = 15.0
_ASK_AGAIN_S = 0.05


class WebhookUnused(RuntimeError):
    """The API server does not ask the webhook; the message says what it said and what to look at."""


class Mutator(Protocol):
    """What changes objects. Called on a thread of the webhook's own, one question at a time. Both may raise AdmissionRefused."""

    def pod(self, review: Review) -> Patch:
        """The patch of a pod of the webhook's namespaces."""

    def volume(self, review: Review) -> Patch:
        """The patch of a PersistentVolume of the EFS driver."""


class Webhook:
    """One world's webhook; `name` tells its configuration from others of the cluster. No method belongs to the kernel's thread: they wait for answers."""

    def __init__(
        self, *, servers: ServerThread, transport: Transport, name: str, namespaces: Sequence[str], mutator: Mutator
    ) -> None:
        self._servers = servers
        self._transport = transport
        self._writer = RemoteWriter(transport, manager=name)
        self._name = name
        self._namespaces = list(namespaces)
        self._answers = {"pods": mutator.pod, "persistentvolumes": mutator.volume}
        self._credentials = make_credentials(name, [servers.host])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="admission")
        self._asked = threading.Event()
        self._served: Served | None = None

    def open(self) -> None:
        """Listen, register, and return once the API server asks before it creates. Raises WebhookUnused, ApiError."""
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_post(_PATH, self._handle)
        self._served = self._servers.serve(application, ssl_context=self._credentials.server_context())
        configuration = self.configuration()
        try:
            self._writer.create(MUTATING_WEBHOOK_CONFIGURATIONS, configuration)
        except AlreadyExists:  # of a run that crashed, whose port is gone
            self._writer.delete(MUTATING_WEBHOOK_CONFIGURATIONS, None, self._name)
            self._writer.create(MUTATING_WEBHOOK_CONFIGURATIONS, configuration)
        self._wait_effective()

    def configuration(self) -> dict[str, Any]:
        """The MutatingWebhookConfiguration. Raises RuntimeError before `open`."""
        if self._served is None:
            raise RuntimeError(f"webhook {self._name} does not listen: call open() first")
        common = {
            "clientConfig": {
                "url": self._served.url + _PATH,
                "caBundle": base64.b64encode(self._credentials.authority_pem).decode(),
            },
            "admissionReviewVersions": ["v1"],
            "sideEffects": "NoneOnDryRun",
            "failurePolicy": "Fail",
            "timeoutSeconds": _ANSWER_LIMIT_S,
        }
        namespaces = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": self._namespaces}
        selector = {"matchExpressions": [namespaces]}
        pods = {"name": f"pods.{self._name}.internal", "rules": [_rule(PODS)], "namespaceSelector": selector, **common}
        volumes = {
            "name": f"volumes.{self._name}.internal",
            "rules": [_rule(PERSISTENT_VOLUMES)],
            # what is in no namespace is told from others' by what it is
            "matchConditions": [{"name": "driver", "expression": _OF_DRIVER}],
            **common,
        }
        return new_object(MUTATING_WEBHOOK_CONFIGURATIONS, self._name, webhooks=[pods, volumes])

    def close(self) -> None:
        """Withdraw the configuration, then stop listening; harmless when called twice, and when the cluster is gone."""
        served, self._served = self._served, None
        if served is None:
            return
        with suppress(NotFound, Transient):
            self._writer.delete(MUTATING_WEBHOOK_CONFIGURATIONS, None, self._name)
        self._servers.stop_serving(served)
        self._thread.shutdown()

    def _wait_effective(self) -> None:
        source = {"driver": DRIVER, "volumeHandle": self._probe}
        spec = {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteMany"], "csi": source}
        probe = new_object(PERSISTENT_VOLUMES, self._probe, spec=spec)
        deadline_s = time.monotonic() + _EFFECTIVE_LIMIT_S
        while not self._asked.is_set():
            try:
                self._transport.request("POST", path_of(PERSISTENT_VOLUMES), {"dryRun": "All"}, probe)
            except ApiError as error:
                raise WebhookUnused(
                    f"webhook {self._name}: {error.message}; the API server must reach {self._servers.host}, look at what filters its network"
                ) from error
            if time.monotonic() > deadline_s:
                raise WebhookUnused(
                    f"webhook {self._name}: registered, but not asked for {_EFFECTIVE_LIMIT_S:g} s; "
                    "is MutatingAdmissionWebhook among the API server's admission plugins?"
                )
            self._asked.wait(_ASK_AGAIN_S)

    @property
    def _probe(self) -> str:
        return f"{self._name}-probe"

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            review = _review_of(await request.json())
        except (ValueError, LookupError, TypeError) as error:
            return web.Response(status=400, text=f"no AdmissionReview of admission.k8s.io/v1: {error!r}")
        response = await asyncio.get_running_loop().run_in_executor(self._thread, self._respond, review)
        return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})

    def _respond(self, review: Review) -> dict[str, Any]:
        if review.object["metadata"].get("name") == self._probe:
            self._asked.set()
            return {"uid": review.uid, "allowed": True}
        try:
            patch = self._answers[review.resource](review)
        except AdmissionRefused as refusal:
            return _refused(review, 403, str(refusal))
        except Exception as error:  # noqa: BLE001 - the API server passes it on to whoever creates the object
            return _refused(review, 500, f"{type(error).__name__}: {error}")
        allowed = {"uid": review.uid, "allowed": True}
        if not patch:
            return allowed
        return {**allowed, "patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}


def _rule(resource: Resource) -> dict[str, Any]:
    return {
        "operations": ["CREATE"],
        "apiGroups": [resource.group],
        "apiVersions": [resource.version],
        "resources": [resource.plural],
        "scope": "Namespaced" if resource.namespaced else "Cluster",
    }


def _review_of(body: Any) -> Review:
    request = body["request"]
    obj: Object = freeze(request["object"])
    return Review(
        uid=str(request["uid"]),
        resource=str(request["resource"]["resource"]),
        namespace=str(request.get("namespace") or ""),
        object=obj,
        dry_run=bool(request.get("dryRun")),
    )


def _refused(review: Review, code: int, message: str) -> dict[str, Any]:
    return {"uid": review.uid, "allowed": False, "status": {"code": code, "message": message}}
