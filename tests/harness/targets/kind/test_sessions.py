"""Sessions over the embedded store. Not real: the API server's judgement of tokens, played by `Server`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.clock import Kernel, Seeds, parse_time
from harness.cloud.identity import CredentialsRefused, Identity
from harness.cluster.store import Store
from harness.kube.errors import NotFound, Transient
from harness.kube.objects import new_object
from harness.kube.remote import Transport
from harness.kube.resources import NAMESPACES, PODS
from harness.targets.kind.sessions import PodSessions, container_of, has_ended, live_restart
from tests.harness.targets.kind.tokens import estate_of, jwt

START_US = parse_time("2026-03-01T08:00:00Z")
RUNNING: dict[str, Any] = {"running": {}}
FAILED = {"terminated": {"exitCode": 1}}
DONE = {"terminated": {"exitCode": 0}}


def pod_of(
    restarts: int | None, state: dict[str, Any] | None = None, *, policy: str = "OnFailure", **status: Any
) -> dict[str, Any]:
    """A pod whose main container is in `state`; None: the kubelet has not told of it."""
    last = {"lastState": status.pop("last")} if "last" in status else {}
    statuses = [{"name": "main", "restartCount": restarts, "state": state or {}, **last}]
    return {
        "metadata": {"name": "a", "namespace": "em-pipeline", "uid": "u"},
        "spec": {"restartPolicy": policy, "containers": [{"name": "side"}, {"name": "main"}]},
        "status": {**({} if restarts is None else {"containerStatuses": statuses}), **status},
    }


BACKOFF = pod_of(3, {"waiting": {"reason": "CrashLoopBackOff"}}, last=FAILED)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (pod_of(None), 0),
        (pod_of(0, {"waiting": {"reason": "ContainerCreating"}}), 0),
        (pod_of(0, RUNNING), 0),
        (pod_of(2, RUNNING, last=FAILED), 2),
        (pod_of(0, FAILED), 1),
        (BACKOFF, 4),
        (pod_of(0, DONE), None),
        (pod_of(0, DONE, policy="Always"), 1),
        (pod_of(0, FAILED, policy="Never"), None),
        (pod_of(0, RUNNING, phase="Failed"), None),
    ],
)
def test_given_a_status_when_a_container_shows_a_sign_of_life_then_its_start_is_known(
    pod: dict[str, Any], expected: int | None
) -> None:
    assert live_restart(pod, "main") == expected


@pytest.mark.parametrize(
    ("pod", "restart", "expected"),
    [
        (pod_of(None), 0, False),
        (pod_of(0, RUNNING), 0, False),
        (pod_of(0, FAILED), 0, True),
        (pod_of(0, FAILED), 1, False),
        (pod_of(1, RUNNING, last=FAILED), 1, False),
        (pod_of(1, RUNNING, last=FAILED), 0, True),
        (BACKOFF, 3, True),
        (BACKOFF, 4, False),
        (pod_of(0, RUNNING, phase="Succeeded"), 0, True),
    ],
)
def test_given_a_status_when_a_start_is_asked_about_then_it_is_over_or_not(
    pod: dict[str, Any], restart: int, expected: bool
) -> None:
    assert has_ended(pod, "main", restart) is expected


def test_given_several_containers_when_a_token_comes_then_it_is_mains_or_the_firsts() -> None:
    assert container_of(pod_of(None)) == "main"
    assert container_of({"spec": {"containers": [{"name": "x"}, {"name": "y"}]}}) == "x"


class Server(Transport):
    """Judges tokens by their claims `pod`, `uid` and `account`, and shows pods as they are in `pods`, which may be ahead of the cache."""

    def __init__(self) -> None:
        self.pods: dict[str, Mapping[str, Any]] = {}
        self.down = False

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        if self.down:
            raise Transient("the server is starting")
        if method == "POST":
            name, uid, account = body["spec"]["token"].rpartition(".")[2].split("/")
            extra = {"authentication.kubernetes.io/pod-name": [name], "authentication.kubernetes.io/pod-uid": [uid]}
            user = {"username": f"system:serviceaccount:em-pipeline:{account}", "extra": extra}
            return {"status": {"authenticated": True, "audiences": body["spec"]["audiences"], "user": user}}
        name = path.rpartition("/")[2]
        if name not in self.pods:
            raise NotFound.of(PODS, name)
        return dict(self.pods[name])


@dataclass
class Desk:
    """Sessions, the store that they watch, and what they said."""

    kernel: Kernel
    store: Store
    server: Server
    identity: Identity
    sessions: PodSessions
    said: list[str] = field(default_factory=list)

    def create(self, name: str, **spec: Any) -> Any:
        """A pod that both the cache and the server know."""
        spec = {"containers": [{"name": "main", "image": "x"}], "restartPolicy": "OnFailure", **spec}
        return self.show(
            self.kernel.call(lambda: self.store.create(PODS, new_object(PODS, name, "em-pipeline", spec=spec)))
        )

    def report(self, name: str, restarts: int, state: dict[str, Any]) -> Any:
        """A status that both know."""
        status = {"containerStatuses": [{"name": "main", "restartCount": restarts, "state": state}]}
        return self.show(
            self.kernel.call(
                lambda: self.store.patch(PODS, "em-pipeline", name, {"status": status}, subresource="status")
            )
        )

    def show(self, pod: Any) -> Any:
        self.server.pods[pod["metadata"]["name"]] = pod
        return pod

    def ask(self, pod: Any, account: str = "ebi") -> str:
        """The access key that the pod gets."""
        token = jwt().rpartition(".")[0] + f".{pod['metadata']['name']}/{pod['metadata']['uid']}/{account}"
        return asyncio.run(self.sessions.retrieve(token))["AccessKeyId"]


@pytest.fixture
def desk() -> Iterator[Desk]:
    kernel = Kernel(START_US)
    store = Store(kernel, Seeds(1))
    kernel.start()
    kernel.call(lambda: store.create(NAMESPACES, new_object(NAMESPACES, "em-pipeline")))
    said: list[str] = []
    server, identity = Server(), Identity(estate_of("em-pipeline"), seed=1, wall_clock_s=lambda: 1_800_000_000.0)
    sessions = PodSessions(
        kernel=kernel,
        reader=store,
        transport=server,
        estate=estate_of("em-pipeline"),
        identity=identity,
        entered=lambda party: said.append(f"entered {party}"),
        left=lambda party: said.append(f"left {party}"),
        wall_clock_s=lambda: 1_800_000_000.0,
    )
    kernel.call(sessions.start)
    yield Desk(kernel, store, server, identity, sessions, said)
    sessions.close()
    kernel.close()


def test_given_a_running_pod_when_it_asks_twice_then_it_has_one_session_until_it_ends(desk: Desk) -> None:
    pod = desk.create("a")
    desk.report("a", 0, RUNNING)

    key = desk.ask(pod)

    assert desk.ask(pod) == key
    assert desk.identity.party_of(key) == "em-pipeline/a/main/0"
    desk.report("a", 0, DONE)
    assert desk.identity.party_of(key) is None
    assert desk.said == ["entered em-pipeline/a/main/0", "left em-pipeline/a/main/0"]


def test_given_a_cache_that_is_behind_when_the_next_start_asks_then_the_former_is_over(desk: Desk) -> None:
    pod = desk.create("a")
    first = desk.ask(pod)
    desk.server.pods["a"] = {
        **pod,
        "status": {"containerStatuses": [{"name": "main", "restartCount": 1, "state": RUNNING}]},
    }

    second = desk.ask(pod)
    desk.report("a", 0, FAILED)
    desk.report("a", 1, RUNNING)

    assert desk.identity.party_of(first) is None
    assert desk.identity.party_of(second) == "em-pipeline/a/main/1"
    assert [line.partition(" ")[0] for line in desk.said] == ["entered", "left", "entered"]


def test_given_a_pod_that_ended_when_the_server_still_shows_it_running_then_it_is_refused(desk: Desk) -> None:
    pod = desk.create("a", restartPolicy="Never")
    shown = desk.report("a", 0, RUNNING)
    desk.report("a", 0, FAILED)
    desk.show(shown)

    with pytest.raises(CredentialsRefused, match="Container main of the token's pod has ended"):
        desk.ask(pod)

    assert desk.said == []


def test_given_a_successor_of_the_same_name_when_each_asks_then_only_the_pod_that_is_there_is_answered(
    desk: Desk,
) -> None:
    first = desk.create("a")
    old = desk.ask(first)
    desk.kernel.call(lambda: desk.store.delete(PODS, "em-pipeline", "a"))
    second = desk.create("a")

    with pytest.raises(CredentialsRefused, match="of another pod named a"):
        desk.ask(first)

    new = desk.ask(second)
    assert (desk.identity.party_of(old), desk.identity.party_of(new)) == (None, "em-pipeline/a/main/0")


def test_given_a_machine_that_stopped_when_its_pods_had_sessions_then_these_end_and_others_do_not(desk: Desk) -> None:
    lost, kept = (desk.ask(desk.create(name, nodeName=node)) for name, node in (("a", "n1"), ("b", "n2")))

    desk.kernel.call(lambda: desk.sessions.node_gone("n1"))

    assert desk.identity.party_of(lost) is None
    assert desk.identity.party_of(kept) == "em-pipeline/b/main/0"
    assert desk.said[-1] == "left em-pipeline/a/main/0"


def test_given_no_association_or_no_answer_when_a_pod_asks_then_the_codes_are_the_agents(desk: Desk) -> None:
    pod = desk.create("a")

    with pytest.raises(CredentialsRefused, match="ResourceNotFoundException") as refused:
        desk.ask(pod, account="idr")
    assert refused.value.status == 404

    del desk.server.pods["a"]
    with pytest.raises(CredentialsRefused, match="pod has gone") as refused:
        desk.ask(pod)
    assert refused.value.status == 400

    desk.server.down = True
    with pytest.raises(CredentialsRefused, match="Unable to review") as refused:
        desk.ask(pod)
    assert refused.value.status == 500


def test_given_a_world_that_ended_when_a_pod_asks_then_it_is_told_to_try_again(desk: Desk) -> None:
    pod = desk.create("a")

    desk.kernel.close()
    with pytest.raises(CredentialsRefused, match="Unable to open a session: the kernel is closed") as refused:
        desk.ask(pod)
    assert refused.value.status == 500

    desk.sessions.close()
    with pytest.raises(CredentialsRefused, match="Unable to open a session"):
        desk.ask(pod)
