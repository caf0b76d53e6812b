"""What a container is given: environment, arguments, volumes, and what is said when something is missing."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.cluster.kubelet.environment import expand
from harness.kube.hooks import ContainerExit, ContainerRefused, ContainerStart, ProbeAnswer, ProbeKind, Provision
from harness.kube.metrics import Usage
from harness.kube.objects import new_object
from harness.kube.resources import CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, SECRETS, Resource
from tests.harness.cluster.kubelet.world import World, app, service


class Recording:
    """A runtime that only remembers what it was asked to start."""

    def __init__(self) -> None:
        self.starts: list[ContainerStart] = []
        self.refusal: str | None = None

    def start(self, start: ContainerStart, ended: Any) -> None:
        if self.refusal is not None:
            raise ContainerRefused(self.refusal)
        self.starts.append(start)
        self._ended = ended

    def terminate(self, party: str, grace_s: int) -> None:
        self._ended(ContainerExit(0, "Completed"))

    def kill(self, party: str) -> None:
        self._ended(ContainerExit(137, "Error"))

    def probe(self, party: str, kind: ProbeKind, probe: Any, answered: Any) -> None:
        answered(ProbeAnswer(healthy=True))

    def usage(self, party: str) -> Usage | None:
        return None


@pytest.fixture
def runtime() -> Recording:
    return Recording()


@pytest.fixture
def recorded(tmp_path: Path, runtime: Recording) -> Iterator[World]:
    made = World(tmp_path, lambda _world: runtime)
    made.node()
    yield made
    made.close()


def create(world: World, resource: Resource, name: str, namespace: str | None = "default", **body: Any) -> None:
    world.kernel.call(lambda: world.store.create(resource, new_object(resource, name, namespace, **body)))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def start_of(world: World, runtime: Recording, *containers: dict[str, Any], **spec: Any) -> ContainerStart:
    world.pod("p", *containers, **spec)
    world.until_phase("Running")
    return runtime.starts[-1]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y2"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$A and $", "$A and $"),
        ("$(A", "$(A"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expanded


def test_given_sources_of_every_kind_then_the_environment_has_them(recorded: World, runtime: Recording) -> None:
    create(recorded, CONFIG_MAPS, "settings", data={"CHUNK": "64", "LEVEL": "info"})
    create(recorded, SECRETS, "keys", data={"TOKEN": encoded("s3cret")})
    env: list[Mapping[str, Any]] = [
        {"name": "PLAIN", "value": "a"},
        {"name": "BUILT", "value": "$(PLAIN)-$(CHUNK)-$(LATER)"},
        {"name": "LATER", "value": "b"},
        {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "LEVEL"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "TOKEN"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "nothing", "key": "x", "optional": True}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "TEAM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['team']"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
    ]
    container = app(
        env=env,
        envFrom=[{"configMapRef": {"name": "settings"}}, {"prefix": "S_", "secretRef": {"name": "keys"}}],
        resources={"limits": {"memory": "512Mi"}},
        command=["run", "$(PLAIN)"],
        args=["--in=$(CHUNK)"],
    )

    start = start_of(recorded, runtime, container, labels={"team": "em"})

    assert start.env == {
        "CHUNK": "64",
        "LEVEL": "info",
        "S_TOKEN": "s3cret",
        "PLAIN": "a",
        "BUILT": "a-64-$(LATER)",
        "LATER": "b",
        "KEY": "s3cret",
        "NAME": "p",
        "IP": "10.128.0.2",
        "TEAM": "em",
        "MEMORY": "512",
    }
    assert start.argv == ("run", "a", "--in=64")
    assert start.memory_limit_bytes == 512 << 20
    assert start.party == "default/p/main/0"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "K"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "none", "key": "K"}}, 'secret "none" not found'),
        ({"configMapKeyRef": {"name": "some", "key": "K"}}, "couldn't find key K in ConfigMap default/some"),
    ],
)
def test_given_a_missing_reference_then_the_container_waits_for_it(
    recorded: World, runtime: Recording, source: dict[str, Any], message: str
) -> None:
    create(recorded, CONFIG_MAPS, "some", data={})
    recorded.pod("p", app(env=[{"name": "X", "valueFrom": source}]))

    recorded.advance(3)

    waiting = recorded.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerConfigError", "message": message}
    assert (2, "Failed", f"Error: {message}") in recorded.events()
    assert runtime.starts == []


def test_given_a_key_that_appears_then_the_container_starts_at_the_next_try(
    recorded: World, runtime: Recording
) -> None:
    recorded.pod("p", app(env=[{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "K"}}}]))
    recorded.advance(5)

    create(recorded, CONFIG_MAPS, "late", data={"K": "v"})
    recorded.until_phase("Running")

    assert recorded.elapsed_s == 15  # pulled at 2 s, looked at again 13 s later
    assert runtime.starts[0].env == {"X": "v"}


def test_given_a_runtime_that_refuses_then_the_container_says_why_and_tries_again(
    recorded: World, runtime: Recording
) -> None:
    runtime.refusal = "no: do something else"
    recorded.pod("p", service())
    recorded.advance(3)

    waiting = recorded.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "CreateContainerError", "message": "no: do something else"}
    assert recorded.agent.seen == [("provide", "default/p/main/0"), ("withdraw", "default/p/main/0")]

    runtime.refusal = None
    recorded.until_phase("Running")
    assert recorded.elapsed_s == 15  # pulled at 2 s, looked at again 13 s later


def test_given_the_nodes_agents_then_their_environment_and_files_are_there(recorded: World, runtime: Recording) -> None:
    recorded.agent.provision = Provision({"URL": "http://127.0.0.1:1"}, {"/var/run/token": "abc"})

    start = start_of(recorded, runtime, service(env=[{"name": "URL", "value": "https://public"}]))

    assert start.env["URL"] == "http://127.0.0.1:1"
    assert start.mounts["/var/run/token"].read_text() == "abc"
    assert start.argv == ("python", "-m", "pipeline", "ebi")


def test_given_volumes_of_every_kind_then_their_mounts_lead_to_them(recorded: World, runtime: Recording) -> None:
    create(recorded, CONFIG_MAPS, "settings", data={"a.txt": "A", "b.txt": "B"}, binaryData={"c.bin": encoded("C")})
    create(recorded, SECRETS, "keys", data={"k": encoded("K")})
    create(recorded, PERSISTENT_VOLUMES, "pv", None, spec=volume_spec())
    create(recorded, PERSISTENT_VOLUME_CLAIMS, "claim", spec=claim_spec(volumeName="pv"))
    bound = {"status": {"phase": "Bound"}}
    recorded.kernel.call(
        lambda: recorded.store.patch(PERSISTENT_VOLUME_CLAIMS, "default", "claim", bound, subresource="status")
    )
    token = {"serviceAccountToken": {"path": "token", "audience": "sts"}}
    volumes: list[dict[str, Any]] = [
        {"name": "empty", "emptyDir": {}},
        {"name": "all", "configMap": {"name": "settings"}},
        {"name": "some", "configMap": {"name": "settings", "items": [{"key": "b.txt", "path": "deep/b"}]}},
        {"name": "keys", "secret": {"secretName": "keys"}},
        {"name": "optional", "secret": {"secretName": "none", "optional": True}},
        {"name": "shared", "persistentVolumeClaim": {"claimName": "claim"}},
        {"name": "down", "downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "mixed", "projected": {"sources": [token, {"configMap": {"name": "settings"}}]}},
    ]
    mounts = [{"name": volume["name"], "mountPath": f"/m/{volume['name']}/"} for volume in volumes]
    mounts.append({"name": "shared", "mountPath": "/m/part", "subPath": "team/a"})
    mounts.append({"name": "all", "mountPath": "/m/file.txt", "subPath": "a.txt"})

    found = start_of(recorded, runtime, service(volumeMounts=mounts), volumes=volumes).mounts

    assert list(found["/m/empty"].iterdir()) == []
    assert {path.name: path.read_text() for path in found["/m/all"].iterdir()} == {
        "a.txt": "A",
        "b.txt": "B",
        "c.bin": "C",
    }
    assert (found["/m/some"] / "deep" / "b").read_text() == "B"
    assert (found["/m/keys"] / "k").read_text() == "K"
    assert list(found["/m/optional"].iterdir()) == []
    assert found["/m/shared"] == recorded.volumes.root / "pv"
    assert found["/m/part"] == recorded.volumes.root / "pv" / "team" / "a"
    assert found["/m/part"].is_dir()
    assert found["/m/file.txt"].read_text() == "A"
    assert (found["/m/down"] / "name").read_text() == "p"
    assert (found["/m/mixed"] / "token").read_text() == "modelled-token:sts:default:default"

    empty = found["/m/empty"]
    (empty / "scratch").write_text("x")
    recorded.delete()
    recorded.until_gone()
    assert not empty.exists()
    assert found["/m/shared"].is_dir()


def volume_spec() -> dict[str, Any]:
    return {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "csi": {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1"},
        "storageClassName": "",
    }


def claim_spec(**more: Any) -> dict[str, Any]:
    resources = {"requests": {"storage": "1Gi"}}
    return {"accessModes": ["ReadWriteMany"], "resources": resources, "storageClassName": "", **more}


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        ({"persistentVolumeClaim": {"claimName": "none"}}, 'persistentvolumeclaim "none" not found'),
        ({"persistentVolumeClaim": {"claimName": "unbound"}}, 'persistentvolumeclaim "unbound" is not bound'),
        (
            {"hostPath": {"path": "/etc"}},
            "hostPath is refused: a rehearsed process must not reach this machine's files, use an emptyDir or a persistentVolumeClaim",
        ),
        (
            {"configMap": {"name": "some", "items": [{"key": "x", "path": "x"}]}},
            "configmap references non-existent configmap key: x",
        ),
    ],
)
def test_given_a_volume_that_cannot_be_mounted_then_the_pod_waits_and_says_so(
    recorded: World, runtime: Recording, volume: dict[str, Any], message: str
) -> None:
    create(recorded, CONFIG_MAPS, "some", data={})
    create(recorded, PERSISTENT_VOLUME_CLAIMS, "unbound", spec=claim_spec())
    mount = {"name": "v", "mountPath": "/v"}
    recorded.pod("p", service(volumeMounts=[mount]), volumes=[{"name": "v", **volume}])

    recorded.advance(4)

    assert recorded.get()["status"]["phase"] == "Pending"
    text = f'MountVolume.SetUp failed for volume "v" : {message}'
    assert recorded.events() == [(at, "FailedMount", text) for at in (0, 0.5, 1.5, 3.5)]


def test_given_a_config_map_that_appears_then_the_pod_goes_on(recorded: World, runtime: Recording) -> None:
    recorded.pod("p", app(), volumes=[{"name": "v", "configMap": {"name": "late"}}])
    recorded.advance(2)

    create(recorded, CONFIG_MAPS, "late", data={})
    recorded.until_phase("Running")

    assert recorded.elapsed_s == 3.5 + 2


def test_given_a_volume_provider_that_fails_then_its_words_are_the_events(recorded: World, runtime: Recording) -> None:
    create(recorded, PERSISTENT_VOLUMES, "pv", None, spec=volume_spec())
    create(recorded, PERSISTENT_VOLUME_CLAIMS, "claim", spec=claim_spec(volumeName="pv"))
    bound = {"status": {"phase": "Bound"}}
    recorded.kernel.call(
        lambda: recorded.store.patch(PERSISTENT_VOLUME_CLAIMS, "default", "claim", bound, subresource="status")
    )
    recorded.volumes.error = "no mount target in us-east-1c"

    recorded.pod("p", app(), volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "claim"}}])
    recorded.advance(0.2)

    text = 'MountVolume.SetUp failed for volume "v" : no mount target in us-east-1c'
    assert recorded.events() == [(0, "FailedMount", text)]


def test_given_a_foreign_image_that_wants_the_host_then_it_gets_an_empty_directory(
    recorded: World, runtime: Recording
) -> None:
    mount = {"name": "v", "mountPath": "/v"}

    start = start_of(
        recorded, runtime, app(volumeMounts=[mount]), volumes=[{"name": "v", "hostPath": {"path": "/etc"}}]
    )

    assert list(start.mounts["/v"].iterdir()) == []
    assert start.mounts["/v"].is_relative_to(recorded.state_dir)


def test_given_a_sub_path_that_leaves_its_volume_then_the_container_is_not_created(
    recorded: World, runtime: Recording
) -> None:
    mount = {"name": "v", "mountPath": "/v", "subPathExpr": "$(UP)/x"}
    recorded.pod(
        "p", app(volumeMounts=[mount], env=[{"name": "UP", "value": ".."}]), volumes=[{"name": "v", "emptyDir": {}}]
    )

    recorded.advance(3)

    waiting = recorded.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerConfigError"
