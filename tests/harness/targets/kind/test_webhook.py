"""The webhook asked over HTTPS. Not real: the API server, played by `Server`, which learns of a configuration late."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest

from harness.cloud.serving import ServerThread
from harness.kube.errors import AlreadyExists, NotFound, Transient
from harness.kube.remote import Transport
from harness.kube.resources import MUTATING_WEBHOOK_CONFIGURATIONS
from harness.targets.kind.admission import AdmissionRefused, Mutations, Patch, Review
from harness.targets.kind.webhook import Webhook, WebhookUnused
from tests.harness.targets.kind.tokens import estate_of


class Server(Transport):
    """Keeps one configuration and asks its webhooks, as matching as their rules, from the `late`-th question on."""

    def __init__(self, late: int = 3) -> None:
        self.late = late
        self.questions = 0
        self.configuration: dict[str, Any] | None = None
        self.gone = False

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        if self.gone:
            raise Transient("connection refused")
        if "mutatingwebhookconfigurations" in path:
            return self._configure(method, body)
        self.questions += 1
        if self.questions >= self.late:
            self.ask("persistentvolumes", body)
        return dict(body)

    def ask(self, resource: str, obj: Any, namespace: str = "") -> dict[str, Any]:
        """What the webhook of `resource` answers; ValueError is the text of a refused connection or request."""
        assert self.configuration is not None
        (webhook,) = [one for one in self.configuration["webhooks"] if resource in one["rules"][0]["resources"]]
        request = {
            "uid": "u-1",
            "resource": {"group": "", "version": "v1", "resource": resource},
            "namespace": namespace,
            "operation": "CREATE",
            "object": obj,
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        response = self.post(webhook["clientConfig"], json.dumps(review).encode())["response"]
        assert response["uid"] == "u-1"
        return dict(response)

    def post(self, client: Mapping[str, Any], body: bytes) -> Any:
        context = ssl.create_default_context(cadata=base64.b64decode(client["caBundle"]).decode())
        asked = urllib.request.Request(client["url"], body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, context=context, timeout=10) as answer:
            return json.loads(answer.read())

    def _configure(self, method: str, body: Any) -> dict[str, Any]:
        if method == "POST" and self.configuration is not None:
            raise AlreadyExists.of(MUTATING_WEBHOOK_CONFIGURATIONS, "kept")
        if method != "POST" and self.configuration is None:
            raise NotFound.of(MUTATING_WEBHOOK_CONFIGURATIONS, "gone")
        if method == "POST":
            self.configuration = body
        elif method == "DELETE":
            self.configuration = None
        return dict(body or {})


class Paper:
    """Marks what it is asked about; refuses pods called `bad`."""

    def __init__(self) -> None:
        self.seen: list[Review] = []

    def pod(self, review: Review) -> Patch:
        self.seen.append(review)
        if review.object["metadata"].get("name") == "bad":
            raise AdmissionRefused("it is bad")
        return [{"op": "add", "path": "/metadata/labels", "value": {"seen": review.namespace}}]

    def volume(self, review: Review) -> Patch:
        self.seen.append(review)
        return []


@pytest.fixture
def servers() -> Iterator[ServerThread]:
    thread = ServerThread("127.0.0.2")
    thread.start()
    yield thread
    thread.close()


def _webhook(servers: ServerThread, server: Server, mutator: Any) -> Webhook:
    return Webhook(servers=servers, transport=server, name="em-harness-1", namespaces=["em-pipeline"], mutator=mutator)


def test_given_a_server_that_learns_late_when_a_webhook_opens_then_it_waits_until_it_is_asked(
    servers: ServerThread,
) -> None:
    server, paper = Server(late=3), Paper()
    webhook = _webhook(servers, server, paper)

    webhook.open()

    assert server.questions == 3
    assert paper.seen == []  # the probe is nobody's object
    assert server.configuration is not None
    pods, volumes = server.configuration["webhooks"]
    assert pods["clientConfig"]["url"].startswith("https://127.0.0.2:")
    assert (pods["failurePolicy"], volumes["failurePolicy"]) == ("Fail", "Fail")
    (expression,) = pods["namespaceSelector"]["matchExpressions"]
    assert (expression["key"], expression["values"]) == ("kubernetes.io/metadata.name", ["em-pipeline"])
    assert "namespaceSelector" not in volumes
    webhook.close()
    assert server.configuration is None


def test_given_an_open_webhook_when_it_is_asked_then_it_answers_with_patches_and_refusals(
    servers: ServerThread,
) -> None:
    server, paper = Server(late=1), Paper()
    webhook = _webhook(servers, server, paper)
    webhook.open()

    good = server.ask("pods", {"metadata": {"generateName": "ebi-"}, "spec": {}}, "em-pipeline")
    bad = server.ask("pods", {"metadata": {"name": "bad"}, "spec": {}}, "em-pipeline")
    volume = server.ask("persistentvolumes", {"metadata": {"name": "v"}, "spec": {}})

    assert (good["allowed"], good["patchType"]) == (True, "JSONPatch")
    assert json.loads(base64.b64decode(good["patch"]))[0]["value"] == {"seen": "em-pipeline"}
    assert bad == {"uid": "u-1", "allowed": False, "status": {"code": 403, "message": "it is bad"}}
    assert volume == {"uid": "u-1", "allowed": True}
    webhook.close()


@pytest.mark.parametrize("body", [b"x", b"{}", b'{"request": {"uid": "u"}}', b"[]"])
def test_given_what_is_no_review_when_it_is_posted_then_it_is_a_bad_request(servers: ServerThread, body: bytes) -> None:
    server = Server(late=1)
    webhook = _webhook(servers, server, Paper())
    webhook.open()
    assert server.configuration is not None

    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        server.post(server.configuration["webhooks"][0]["clientConfig"], body)

    refused.value.close()
    webhook.close()


def test_given_a_mutator_that_breaks_when_it_is_asked_then_the_object_is_refused_with_its_words(
    servers: ServerThread,
) -> None:
    def broken(_review: Review) -> dict[str, str]:
        raise OSError("no port left")

    server = Server(late=1)
    webhook = _webhook(servers, server, Mutations(estate_of("em-pipeline"), broken, PurePosixPath("/shared/efs")))
    webhook.open()

    answer = server.ask("pods", {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "main"}]}}, "em-pipeline")

    assert answer["status"] == {"code": 500, "message": "OSError: no port left"}
    webhook.close()


def test_given_a_server_that_never_asks_when_a_webhook_opens_then_it_says_what_to_look_at(
    servers: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.targets.kind.webhook._EFFECTIVE_LIMIT_S", 0.1)
    webhook = _webhook(servers, Server(late=1000), Paper())

    with pytest.raises(WebhookUnused, match=r"not asked for .* is MutatingAdmissionWebhook among"):
        webhook.open()

    webhook.close()


def test_given_a_cluster_that_is_gone_when_a_webhook_closes_then_that_is_no_failure(servers: ServerThread) -> None:
    server = Server(late=1)
    webhook = _webhook(servers, server, Paper())
    webhook.open()

    server.gone = True

    webhook.close()
    webhook.close()
    with pytest.raises(RuntimeError, match="does not listen: call open"):
        webhook.configuration()
