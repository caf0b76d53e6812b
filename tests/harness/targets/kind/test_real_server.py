"""Real here: the API server that HARNESS_CONTROL_PLANE names, its admission and its tokens. Not real: the kubelet, whose status updates the tests write."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.clock import SECOND, Kernel, Outcome
from harness.cloud.identity import CredentialEndpoint, Identity
from harness.cloud.serving import ServerThread
from harness.kube.errors import ApiError
from harness.kube.objects import new_object
from harness.kube.remote import RemoteCluster, RemoteWriter
from harness.kube.remote.paths import path_of
from harness.kube.resources import (
    MUTATING_WEBHOOK_CONFIGURATIONS,
    NAMESPACES,
    PERSISTENT_VOLUMES,
    PODS,
    SERVICE_ACCOUNTS,
)
from harness.targets.kind.admission import AUDIENCE, TICKET, AdmissionRefused, Mutations, Patch, Review
from harness.targets.kind.sessions import PodSessions
from harness.targets.kind.webhook import Webhook, WebhookUnused
from tests.harness.targets.kind.tokens import estate_of

pytestmark = pytest.mark.skipif(
    not os.environ.get("HARNESS_CONTROL_PLANE"), reason="HARNESS_CONTROL_PLANE names no kubeconfig"
)
_NUMBERS = itertools.count(1)


@dataclass
class Place:
    """A namespace of one's own on the real cluster, with the service accounts `ebi` (a role) and `idr` (none)."""

    kernel: Kernel
    cluster: RemoteCluster
    writer: RemoteWriter
    servers: ServerThread
    namespace: str

    def create_pod(self, name: str = "", **spec: Any) -> Any:
        """A loader's pod; nobody runs it."""
        spec = {"serviceAccountName": "ebi", "restartPolicy": "OnFailure", **spec}
        pod = new_object(PODS, name, self.namespace, spec={"containers": [{"name": "main", "image": "x"}], **spec})
        if not name:
            pod["metadata"] = {"generateName": "ebi-", "namespace": self.namespace}
        return self.writer.create(PODS, pod)

    def report(self, pod: str, restarts: int, **state: Any) -> None:
        """What a kubelet would say of the pod's container."""
        status = {
            "name": "main",
            "image": "x",
            "imageID": "",
            "ready": False,
            "restartCount": restarts,
            "state": state,
        }
        self.writer.patch(PODS, self.namespace, pod, {"status": {"containerStatuses": [status]}}, subresource="status")

    def token(self, account: str, pod: Any, audience: str = AUDIENCE) -> str:
        """What the kubelet projects into a pod."""
        reference = {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        spec = {"audiences": [audience], "expirationSeconds": 86400, "boundObjectRef": reference}
        path = path_of(SERVICE_ACCOUNTS, self.namespace, account, "token")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = self.cluster.transport.request("POST", path, None, request)
        return str(answer["status"]["token"])

    def until(self, condition: Callable[[], bool]) -> None:
        assert self.kernel.wait(condition, 20 * SECOND) is Outcome.MET


@pytest.fixture
def place() -> Iterator[Place]:
    kernel = Kernel(time.time_ns() // 1000, pace=1.0)
    kernel.start()
    cluster = RemoteCluster.from_kubeconfig(kernel, Path(os.environ["HARNESS_CONTROL_PLANE"]))
    writer = cluster.writer("test")
    servers = ServerThread()
    servers.start()
    namespace = f"kind-{os.getpid()}-{next(_NUMBERS)}"
    writer.create(NAMESPACES, new_object(NAMESPACES, namespace))
    for account in ("ebi", "idr"):
        writer.create(SERVICE_ACCOUNTS, new_object(SERVICE_ACCOUNTS, account, namespace))
    yield Place(kernel, cluster, writer, servers, namespace)
    writer.delete(NAMESPACES, None, namespace)
    servers.close()
    cluster.close()
    kernel.close()


@pytest.fixture
def open_webhook(place: Place) -> Iterator[Callable[[Any], Webhook]]:
    """Webhooks for the place's namespace, withdrawn at the end."""
    opened: list[Webhook] = []

    def open_one(mutator: Any) -> Webhook:
        webhook = Webhook(
            servers=place.servers,
            transport=place.cluster.transport,
            name=place.namespace,
            namespaces=[place.namespace],
            mutator=mutator,
        )
        opened.append(webhook)
        webhook.open()
        return webhook

    yield open_one
    for webhook in opened:
        webhook.close()


def _mutations(place: Place) -> Mutations:
    return Mutations(estate_of(place.namespace), lambda review: {"EM_TICKET": review.uid}, PurePosixPath("/shared/efs"))


def test_given_a_webhook_when_a_pod_is_created_at_once_then_it_is_mutated_and_valid(
    place: Place, open_webhook: Callable[[Any], Webhook]
) -> None:
    open_webhook(_mutations(place))

    pod = place.create_pod()

    (main,) = pod["spec"]["containers"]
    given = {entry["name"]: entry.get("value") for entry in main["env"]}
    assert given["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://169.254.170.23/v1/credentials"
    assert given["EM_TICKET"] == pod["metadata"]["annotations"][TICKET] != ""
    assert pod["metadata"]["labels"] == {"eks.amazonaws.com/pod-identity": "enabled"}
    assert "eks-pod-identity-token" in [volume["name"] for volume in pod["spec"]["volumes"]]
    assert "eks-pod-identity-token" in [mount["name"] for mount in main["volumeMounts"]]


def test_given_a_webhook_when_the_rendered_volume_is_created_then_it_is_a_directory(
    place: Place, open_webhook: Callable[[Any], Webhook]
) -> None:
    open_webhook(_mutations(place))
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "mountOptions": ["accesspoint=fsap-2"],
        "csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1"},
    }

    volume = place.writer.create(PERSISTENT_VOLUMES, new_object(PERSISTENT_VOLUMES, place.namespace, spec=spec))
    place.writer.delete(PERSISTENT_VOLUMES, None, place.namespace)

    assert volume["spec"]["hostPath"] == {"path": "/shared/efs/fs-1/fsap-2", "type": "Directory"}
    assert "csi" not in volume["spec"]
    assert "mountOptions" not in volume["spec"]


def test_given_a_webhook_when_others_create_pods_and_volumes_then_it_is_not_asked(
    place: Place, open_webhook: Callable[[Any], Webhook]
) -> None:
    asked: list[Review] = []

    class Listening:
        def pod(self, review: Review) -> Patch:
            asked.append(review)
            return []

        volume = pod

    open_webhook(Listening())
    pod = new_object(PODS, place.namespace, "default", spec={"containers": [{"name": "main", "image": "x"}]})
    pod["spec"]["automountServiceAccountToken"] = False
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}

    place.writer.create(PODS, pod)
    place.writer.delete(PODS, "default", place.namespace, grace_period_s=0)
    place.writer.create(PERSISTENT_VOLUMES, new_object(PERSISTENT_VOLUMES, place.namespace, spec=spec))
    place.writer.delete(PERSISTENT_VOLUMES, None, place.namespace)
    place.create_pod("a")

    assert [review.object["metadata"]["name"] for review in asked] == ["a"]


@pytest.mark.parametrize(
    ("error", "words"),
    [(AdmissionRefused("no gateway"), "denied the request: no gateway"), (KeyError("spec"), "KeyError: 'spec'")],
)
def test_given_a_mutator_that_fails_when_a_pod_is_created_then_its_creator_reads_why(
    place: Place, open_webhook: Callable[[Any], Webhook], error: Exception, words: str
) -> None:
    class Failing:
        def pod(self, review: Review) -> Patch:
            raise error

        def volume(self, review: Review) -> Patch:
            return []

    open_webhook(Failing())

    with pytest.raises(ApiError, match=words):
        place.create_pod("a")


def test_given_a_webhook_that_closed_when_the_next_opens_then_only_that_is_asked(
    place: Place, open_webhook: Callable[[Any], Webhook]
) -> None:
    webhook = open_webhook(_mutations(place))
    webhook.close()
    webhook.close()

    with pytest.raises(ApiError, match="not found"):
        place.cluster.transport.request("GET", path_of(MUTATING_WEBHOOK_CONFIGURATIONS, None, place.namespace))

    open_webhook(Mutations(estate_of("other"), lambda _: {"SECOND": "1"}, PurePosixPath("/shared/efs")))
    assert place.create_pod()["spec"]["containers"][0]["env"] == [{"name": "SECOND", "value": "1"}]


def test_given_a_leftover_configuration_when_a_webhook_opens_then_it_replaces_it(
    place: Place, open_webhook: Callable[[Any], Webhook]
) -> None:
    left = new_object(MUTATING_WEBHOOK_CONFIGURATIONS, place.namespace, webhooks=[])
    place.writer.create(MUTATING_WEBHOOK_CONFIGURATIONS, left)

    open_webhook(_mutations(place))

    assert place.create_pod("a")["metadata"]["annotations"][TICKET]


def test_given_an_api_server_that_trusts_another_when_a_webhook_opens_then_it_says_so(
    place: Place, open_webhook: Callable[[Any], Webhook], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Webhook.configuration

    def broken(self: Webhook) -> dict[str, Any]:
        made = honest(self)
        for webhook in made["webhooks"]:
            webhook["clientConfig"] = {"url": webhook["clientConfig"]["url"]}
        return made

    monkeypatch.setattr(Webhook, "configuration", broken)

    with pytest.raises(WebhookUnused, match=r"failed calling webhook .*; the API server must reach 127\.0\.0\.1"):
        open_webhook(_mutations(place))


@dataclass
class Agent:
    """The credential endpoint over the real cluster, and what it told of parties."""

    place: Place
    identity: Identity
    sessions: PodSessions
    port: int
    said: list[str] = field(default_factory=list)

    def ask(self, bearer: str) -> tuple[int, Any]:
        """`GET /v1/credentials` as an SDK sends it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/v1/credentials", headers={"Authorization": bearer} if bearer else {})
            answer = connection.getresponse()
            body = answer.read().decode()
            return answer.status, json.loads(body) if answer.status == 200 else body
        finally:
            connection.close()


@pytest.fixture
def agent(place: Place) -> Iterator[Agent]:
    identity = Identity(estate_of(place.namespace), seed=1, wall_clock_s=time.time)
    said: list[str] = []
    sessions = PodSessions(
        kernel=place.kernel,
        reader=place.cluster.reader,
        transport=place.cluster.transport,
        estate=estate_of(place.namespace),
        identity=identity,
        entered=lambda party: said.append(f"entered {party}"),
        left=lambda party: said.append(f"left {party}"),
    )
    place.kernel.call(sessions.start)
    endpoint = CredentialEndpoint(identity, place.servers)
    assert urlsplit(endpoint.start()).port == endpoint.port
    endpoint.turn_to(sessions)
    yield Agent(place, identity, sessions, endpoint.port, said)
    endpoint.close()
    sessions.close()


def test_given_a_pods_token_when_it_asks_then_it_gets_its_roles_credentials_until_it_ends(agent: Agent) -> None:
    place = agent.place
    pod = place.create_pod("a")
    place.report("a", 0, running={})
    party = f"{place.namespace}/a/main/0"

    status, found = agent.ask(place.token("ebi", pod))

    assert status == 200
    session = agent.identity.session(found["AccessKeyId"])
    assert session is not None
    assert (session.party, session.role_name) == (party, "ebi")
    assert session.session_name == "eks-em-pipeline-dev-a"
    assert agent.ask(place.token("ebi", pod))[1]["AccessKeyId"] == found["AccessKeyId"]
    assert agent.said == [f"entered {party}"]

    place.report("a", 0, terminated={"exitCode": 1})
    place.until(lambda: agent.identity.party_of(found["AccessKeyId"]) is None)
    assert agent.said == [f"entered {party}", f"left {party}"]


def test_given_a_container_that_started_again_when_it_asks_then_it_is_another_party(agent: Agent) -> None:
    place = agent.place
    pod = place.create_pod("a")
    place.report("a", 0, running={})
    first = agent.ask(place.token("ebi", pod))[1]["AccessKeyId"]
    place.report("a", 0, terminated={"exitCode": 1})

    second = agent.ask(place.token("ebi", pod))[1]["AccessKeyId"]  # before the kubelet tells of the start

    place.report("a", 1, running={})
    place.until(lambda: agent.identity.party_of(first) is None)
    assert agent.identity.party_of(second) == f"{place.namespace}/a/main/1"
    assert [line.partition(" ")[0] for line in agent.said] == ["entered", "left", "entered"]


def test_given_a_pod_that_is_deleted_when_its_token_is_shown_then_it_is_refused(agent: Agent) -> None:
    place = agent.place
    pod = place.create_pod("a")
    token = place.token("ebi", pod)
    assert agent.ask(token)[0] == 200

    place.writer.delete(PODS, place.namespace, "a", grace_period_s=0)

    place.until(lambda: len(agent.said) == 2)
    # the API server remembers for ten seconds what it said of a token, so the pod itself is asked for
    status, words = agent.ask(token)
    assert (status, words.partition(":")[0]) == (400, "(InvalidTokenException)")


def test_given_other_tokens_when_they_are_shown_then_each_is_refused_as_the_agent_does(agent: Agent) -> None:
    place = agent.place
    pod, other = place.create_pod("a"), place.create_pod("b", serviceAccountName="idr")

    assert agent.ask("") == (400, "Service account token cannot be empty")
    assert agent.ask("x")[0] == 400
    status, words = agent.ask(place.token("ebi", pod, audience="sts.amazonaws.com"))
    assert status == 400
    assert "(InvalidTokenException): The service account token is invalid" in words
    forged = place.token("ebi", pod)[:-8] + "AAAAAAAA"
    assert agent.ask(forged)[0] == 400
    status, words = agent.ask(place.token("idr", other))
    assert status == 404
    assert "(ResourceNotFoundException)" in words
    assert agent.said == []


def test_given_many_that_ask_at_once_when_they_are_one_pod_then_one_session_opens(agent: Agent) -> None:
    place = agent.place
    pod = place.create_pod("a")
    place.report("a", 0, running={})
    token = place.token("ebi", pod)
    keys: list[str] = []
    threads = [threading.Thread(target=lambda: keys.append(agent.ask(token)[1]["AccessKeyId"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert agent.said == [f"entered {place.namespace}/a/main/0"]
