"""The pure parts of the API: paths, selectors, ages, columns, log tails."""

from __future__ import annotations

import importlib.metadata
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.clock import SECOND, parse_time
from harness.cluster.api import logs
from harness.cluster.api.fields import parse_fields
from harness.cluster.api.logs import LogOptions, Tail
from harness.cluster.api.routes import Route, parse_route, verb
from harness.cluster.api.tables import Table
from harness.cluster.api.tables.columns import human_duration, label_selector
from harness.cluster.api.tables.custom import find
from harness.cluster.store import Served
from harness.kube.errors import BadRequest
from harness.kube.logmarks import mark
from harness.kube.resources import EVENTS, JOBS, NODES, PERSISTENT_VOLUMES, PODS, SERVICES, Resource
from tests.harness import kubectl

NOW_US = parse_time("2026-03-01T08:10:00Z")


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/v1/pods", Route("", "v1", "pods")),
        ("/api/v1/namespaces", Route("", "v1", "namespaces")),
        ("/api/v1/namespaces/a", Route("", "v1", "namespaces", None, "a")),
        ("/api/v1/namespaces/a/status", Route("", "v1", "namespaces", None, "a", "status")),
        ("/api/v1/namespaces/a/finalize", Route("", "v1", "namespaces", None, "a", "finalize")),
        ("/api/v1/namespaces/a/pods", Route("", "v1", "pods", "a")),
        ("/api/v1/namespaces/a/pods/p", Route("", "v1", "pods", "a", "p")),
        ("/api/v1/namespaces/a/pods/p/log", Route("", "v1", "pods", "a", "p", "log")),
        ("/apis/batch/v1/namespaces/a/jobs/j/status", Route("batch", "v1", "jobs", "a", "j", "status")),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aadmin",
            Route("rbac.authorization.k8s.io", "v1", "clusterroles", None, "system:admin"),
        ),
        ("/api", None),
        ("/api/v1", None),
        ("/apis/batch/v1", None),
        ("/version", None),
        ("/", None),
        ("/api/v1/namespaces/a/pods/p/log/more", None),
        ("/api/v1/namespaces//pods/p", None),
    ],
)
def test_given_a_path_then_it_names_a_place_or_none(path: str, route: Route | None) -> None:
    assert parse_route(path) == route


@pytest.mark.parametrize(
    ("method", "name", "query", "wanted"),
    [
        ("GET", "", {}, "list"),
        ("GET", "", {"watch": "1"}, "watch"),
        ("GET", "p", {}, "get"),
        ("GET", "p", {"watch": "true"}, "get"),
        ("GET", "", {"watch": "false"}, "list"),
        ("POST", "", {}, "create"),
        ("PUT", "p", {}, "update"),
        ("PUT", "", {}, ""),
        ("PATCH", "p", {}, "patch"),
        ("DELETE", "p", {}, "delete"),
        ("DELETE", "", {}, "deletecollection"),
        ("OPTIONS", "p", {}, ""),
    ],
)
def test_given_a_method_then_its_verb(method: str, name: str, query: dict[str, str], wanted: str) -> None:
    assert verb(method, Route("", "v1", "pods", "a", name), query) == wanted


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (10_860, "3h1m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (176_400, "2d1h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (63_158_400, "2y1d"),
        (252_288_000, "8y"),
    ],
)
def test_given_a_duration_then_people_read_it_as_kubectl_writes_it(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.size", [3]),
        ("{.spec.size}", [3]),
        (".spec.none", []),
        (".metadata.labels.a\\.b/c", ["x"]),
        (".metadata.labels['a.b/c']", ["x"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[0].type", ["Other"]),
        (".status.conditions[-1].type", ["Ready"]),
        (".status.conditions[*].type", ["Other", "Ready"]),
        (".status.conditions[7].type", []),
    ],
)
def test_given_a_json_path_then_it_finds_its_values(path: str, found: list[Any]) -> None:
    obj = {
        "metadata": {"labels": {"a.b/c": "x"}},
        "spec": {"size": 3},
        "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]},
    }
    assert find(obj, path) == found


@pytest.mark.parametrize(
    ("resource", "text", "obj", "matches"),
    [
        (PODS, "spec.nodeName=n", {"spec": {"nodeName": "n"}}, True),
        (PODS, "spec.nodeName=", {"spec": {}}, True),
        (PODS, "status.phase!=Failed,status.phase!=Succeeded", {"status": {"phase": "Running"}}, True),
        (PODS, "status.phase!=Failed,status.phase!=Succeeded", {"status": {"phase": "Failed"}}, False),
        (PODS, "spec.hostNetwork=false", {"spec": {}}, True),
        (NODES, "spec.unschedulable=true", {"spec": {"unschedulable": True}}, True),
        (EVENTS, "involvedObject.name==p,type=Normal", {"involvedObject": {"name": "p"}, "type": "Normal"}, True),
        (EVENTS, "source=kubelet", {"source": {"component": "kubelet"}}, True),
        (JOBS, "status.successful=2", {"status": {"succeeded": 2}}, True),
    ],
)
def test_given_a_field_selector_then_it_matches_fields(
    resource: Resource, text: str, obj: dict[str, Any], matches: bool
) -> None:
    assert parse_fields(resource, text).matches(obj) is matches


def test_given_a_term_that_cannot_be_read_then_it_is_named() -> None:
    with pytest.raises(BadRequest, match="invalid selector: 'a b'; can't understand 'a b'"):
        parse_fields(PODS, "a b")


def test_given_a_selector_then_its_text_is_kubectls() -> None:
    expressions = [
        {"key": "b", "operator": "In", "values": ["2", "1"]},
        {"key": "c", "operator": "DoesNotExist"},
        {"key": "d", "operator": "Exists"},
    ]
    assert label_selector({"matchLabels": {"a": "x"}, "matchExpressions": expressions}) == "a=x,b in (1,2),!c,d"
    assert label_selector({}) == label_selector(None) == "<none>"


def cells(resource: Resource, **body: Any) -> list[Any]:
    metadata = {
        "name": "x",
        "namespace": "default",
        "creationTimestamp": "2026-03-01T08:00:00Z",
        **body.pop("metadata", {}),
    }
    table = Table(Served(resource), "None").of([{"metadata": metadata, **body}], NOW_US, {})
    assert len(table["columnDefinitions"]) == len(table["rows"][0]["cells"])
    found: list[Any] = table["rows"][0]["cells"]
    return found


def state(**what: Any) -> dict[str, Any]:
    return {"name": "main", "restartCount": 0, "ready": "running" in what, "state": what}


POD = {"containers": [{"name": "main"}]}


@pytest.mark.parametrize(
    ("spec", "status", "metadata", "wanted"),
    [
        ({}, {"phase": "Pending"}, {}, ["0/1", "Pending", "0"]),
        (
            {},
            {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}],
            },
            {},
            ["0/1", "SchedulingGated", "0"],
        ),
        (
            {},
            {"phase": "Pending", "containerStatuses": [state(waiting={"reason": "ImagePullBackOff"})]},
            {},
            ["0/1", "ImagePullBackOff", "0"],
        ),
        ({}, {"phase": "Running", "containerStatuses": [state(running={})]}, {}, ["1/1", "Running", "0"]),
        (
            {},
            {"phase": "Failed", "containerStatuses": [state(terminated={"exitCode": 137, "reason": "OOMKilled"})]},
            {},
            ["0/1", "OOMKilled", "0"],
        ),
        (
            {},
            {"phase": "Failed", "containerStatuses": [state(terminated={"exitCode": 3})]},
            {},
            ["0/1", "ExitCode:3", "0"],
        ),
        (
            {},
            {"phase": "Failed", "containerStatuses": [state(terminated={"exitCode": 137, "signal": 9})]},
            {},
            ["0/1", "Signal:9", "0"],
        ),
        ({}, {"phase": "Failed", "reason": "Evicted"}, {}, ["0/1", "Evicted", "0"]),
        (
            {},
            {"phase": "Running", "containerStatuses": [state(running={})]},
            {"deletionTimestamp": "2026-03-01T08:11:00Z"},
            ["1/1", "Terminating", "0"],
        ),
        (
            {"initContainers": [{"name": "a"}, {"name": "b"}]},
            {"phase": "Pending", "initContainerStatuses": [state(terminated={"exitCode": 0}), state(running={})]},
            {},
            ["0/1", "Init:1/2", "0"],
        ),
        (
            {"initContainers": [{"name": "a"}]},
            {"phase": "Pending", "initContainerStatuses": [state(terminated={"exitCode": 1, "reason": "Error"})]},
            {},
            ["0/1", "Init:Error", "0"],
        ),
        (
            {},
            {
                "phase": "Running",
                "containerStatuses": [
                    {
                        **state(running={}),
                        "restartCount": 2,
                        "lastState": {"terminated": {"finishedAt": "2026-03-01T08:09:00Z"}},
                    }
                ],
            },
            {},
            ["1/1", "Running", "2 (60s ago)"],
        ),
    ],
)
def test_given_a_pods_status_then_its_row_is_kubectls(
    spec: dict[str, Any], status: dict[str, Any], metadata: dict[str, Any], wanted: list[str]
) -> None:
    assert cells(PODS, spec={**POD, **spec}, status=status, metadata=metadata)[1:5] == [*wanted, "10m"]


@pytest.mark.parametrize(
    ("spec", "status", "wanted"),
    [
        ({"completions": 3}, {"succeeded": 1, "startTime": "2026-03-01T08:05:00Z"}, ["Running", "1/3", "5m"]),
        ({"parallelism": 1}, {}, ["Running", "0/1", ""]),
        ({"parallelism": 2}, {}, ["Running", "0/1 of 2", ""]),
        (
            {"completions": 1},
            {
                "succeeded": 1,
                "startTime": "2026-03-01T08:05:00Z",
                "completionTime": "2026-03-01T08:05:30Z",
                "conditions": [{"type": "Complete", "status": "True"}],
            },
            ["Complete", "1/1", "30s"],
        ),
        ({"completions": 1}, {"conditions": [{"type": "Suspended", "status": "True"}]}, ["Suspended", "0/1", ""]),
        ({"completions": 1}, {"conditions": [{"type": "Failed", "status": "True"}]}, ["Failed", "0/1", ""]),
    ],
)
def test_given_a_jobs_status_then_its_row_is_kubectls(
    spec: dict[str, Any], status: dict[str, Any], wanted: list[str]
) -> None:
    assert cells(JOBS, spec=spec, status=status)[1:4] == wanted


def test_given_other_kinds_then_their_rows_are_kubectls() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    addresses = [{"type": "InternalIP", "address": "10.0.0.1"}]
    labels = {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "spot"}
    node = cells(
        NODES,
        metadata={"labels": labels},
        spec={"unschedulable": True},
        status={"conditions": ready, "addresses": addresses},
    )
    assert node[1:6] == ["Ready,SchedulingDisabled", "spot,worker", "10m", "", "10.0.0.1"]
    assert cells(NODES, status={})[1:3] == ["Unknown", "<none>"]
    service = cells(
        SERVICES, spec={"type": "ClusterIP", "clusterIPs": ["172.20.0.1"], "ports": [{"port": 80, "protocol": "TCP"}]}
    )
    assert service[1:5] == ["ClusterIP", "172.20.0.1", "<none>", "80/TCP"]
    spec = {
        "capacity": {"storage": "5Gi"},
        "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": "a", "name": "c"},
    }
    assert cells(PERSISTENT_VOLUMES, spec=spec, status={"phase": "Bound"})[1:6] == [
        "5Gi",
        "RWO,RWX",
        "Retain",
        "Bound",
        "a/c",
    ]


@pytest.mark.parametrize(
    ("lines", "limit", "wanted"),
    [
        (None, None, b"a\nbb\nccc"),
        (0, None, b""),
        (1, None, b"ccc"),
        (2, None, b"bb\nccc"),
        (9, None, b"a\nbb\nccc"),
        (None, 4, b"a\nbb"),
    ],
)
def test_given_a_log_then_its_tail(tmp_path: Path, lines: int | None, limit: int | None, wanted: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a\nbb\nccc")
    assert Tail(path, LogOptions("main", False, False, lines, limit)).read() == wanted


def test_given_a_long_log_that_grows_then_only_what_is_new_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path, LogOptions("main", True, False, 3, None))
    assert tail.read() == b""
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(30_000)))
    assert Tail(path, LogOptions("main", True, False, 2, None)).read() == b"line 29998\nline 29999\n"
    assert len(tail.read()) == path.stat().st_size
    with path.open("ab") as file:
        file.write(b"more\n")
    assert tail.read() == b"more\n"


def test_given_the_wheel_with_kubectl_then_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as inner:
        inner.writestr("kubectl/kubectl", b"#!/bin/sh\n")
    archive = tmp_path / "x.jsii.tgz"
    with tarfile.open(archive, "w:gz") as outer:
        info = tarfile.TarInfo("package/lib/layer.zip")
        info.size = len(layer.getvalue())
        outer.addfile(info, io.BytesIO(layer.getvalue()))
    wheel_file = importlib.metadata.PackagePath("x.jsii.tgz")
    wheel_file.dist = importlib.metadata.PathDistribution(tmp_path / "x.dist-info")
    monkeypatch.setattr(importlib.metadata, "files", lambda _name: [wheel_file])
    unpacked = kubectl.unpack_wheel(tmp_path)
    assert unpacked is not None
    assert (unpacked.read_bytes(), unpacked.stat().st_mode & 0o777) == (b"#!/bin/sh\n", 0o755)


def test_given_a_named_kubectl_that_is_none_then_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_KUBECTL", str(tmp_path / "nope"))
    with pytest.raises(FileNotFoundError, match="HARNESS_KUBECTL names"):
        kubectl.find_kubectl(tmp_path)


def test_given_marks_then_a_log_is_stamped_and_read_from_a_moment_on(tmp_path: Path) -> None:
    path, start_us = tmp_path / "0.log", parse_time("2026-03-01T08:00:00Z")
    for number, word in enumerate(("one", "two")):
        with path.open("a") as log:
            log.write(f"{word}\n")
        mark(path, start_us + number * 60 * SECOND)
    with path.open("a") as log:
        log.write("three\nfo")
    now_us = start_us + 90 * SECOND
    stamped = {"timestamps": "true"}
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}
    tail = logs.Tail(path, logs.parse_log_options(pod, stamped, now_us), lambda: now_us)
    assert tail.read(final=False).decode().splitlines() == [
        "2026-03-01T08:00:00.000000000Z one",
        "2026-03-01T08:01:00.000000000Z two",
        "2026-03-01T08:01:30.000000000Z three",
    ]
    assert tail.read(final=True) == b"2026-03-01T08:01:30.000000000Z fo"
    for query, wanted in (
        ({"sinceSeconds": "45"}, b"two\nthree\nfo"),
        ({"sinceSeconds": "90"}, b"one\ntwo\nthree\nfo"),
        ({"sinceTime": "2026-03-01T08:01:01Z"}, b"three\nfo"),
        ({"sinceSeconds": "90", "tailLines": "1"}, b"fo"),
    ):
        assert logs.Tail(path, logs.parse_log_options(pod, query, now_us), lambda: now_us).read() == wanted
    with pytest.raises(BadRequest, match="at most one of"):
        logs.parse_log_options(pod, {"sinceSeconds": "1", "sinceTime": "2026-03-01T08:01:01Z"}, now_us)
