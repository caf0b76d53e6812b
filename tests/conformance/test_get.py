"""kubectl get: every way of printing, watching and selecting."""

# ruff: noqa: E501 - what kubectl says stands in one piece
from __future__ import annotations

import json
import re
import signal

import pytest
import yaml

from tests.conformance.conftest import NODE_NAMES, Kubectl, column, table
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow


@shows("get", "get -o wide", "get -A", "get --no-headers", "get --show-labels", "get -L")
def test_given_pods_then_tables_have_upstreams_columns(k: Kubectl) -> None:
    k.pod("p", "--labels=app=x")
    head, row = table(k("get", "pods"))
    assert (head, row[:4]) == (["NAME", "READY", "STATUS", "RESTARTS", "AGE"], ["p", "1/1", "Running", "0"])
    assert re.fullmatch(r"\d+s", row[4])
    wide = k("get", "pods", "-o", "wide")
    assert table(wide)[0] == [
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED NODE",
        "READINESS GATES",
    ]
    assert column(wide, "NODE")[0] in NODE_NAMES
    assert [k.namespace, "p"] in [row[:2] for row in table(k("get", "pods", "-A"))]
    assert table(k("get", "pods", "--no-headers"))[0][0] == "p"
    assert table(k("get", "pods", "--show-labels"))[1][-1] == "app=x"
    assert column(k("get", "pods", "-L", "app"), "APP") == ["x"]


@shows("get -o yaml", "get -o json", "get -o name", "get -o jsonpath", "get -o go-template", "get -o custom-columns")
def test_given_an_object_then_every_output_form_shows_it(k: Kubectl) -> None:
    k("create", "configmap", "c", "--from-literal=a=b")
    assert yaml.safe_load(k("get", "cm", "c", "-o", "yaml"))["data"] == {"a": "b"}
    assert json.loads(k("get", "cm", "c", "-o", "json"))["kind"] == "ConfigMap"
    assert k("get", "cm", "c", "-o", "name") == "configmap/c\n"
    assert k("get", "cm", "c", "-o", "jsonpath={.data.a}") == "b"
    assert k("get", "cm", "c", "-o", "go-template={{.data.a}}") == "b"
    columns = k("get", "cm", "c", "-o", "custom-columns=N:.metadata.name,A:.data.a")
    assert table(columns) == [["N", "A"], ["c", "b"]]


@shows("get -l", "get --field-selector", "get --sort-by", "get --ignore-not-found", "get --chunk-size")
def test_given_several_objects_then_selectors_and_order_hold(k: Kubectl) -> None:
    for name, value in (("c1", "3"), ("c2", "1"), ("c3", "2")):
        k("create", "configmap", name, f"--from-literal=n={value}")
        k("label", "configmap", name, f"n={value}")
    assert k("get", "cm", "-l", "n in (1,2)", "-o", "name").split() == ["configmap/c2", "configmap/c3"]
    assert k("get", "cm", "-l", "n,n!=1", "-o", "name").split() == ["configmap/c1", "configmap/c3"]
    assert k("get", "cm", "--field-selector", "metadata.name=c2", "-o", "name") == "configmap/c2\n"
    ordered = k("get", "cm", "-l", "n", "--sort-by={.data.n}", "-o", "name").split()
    assert ordered == ["configmap/c2", "configmap/c3", "configmap/c1"]
    assert k("get", "cm", "nope", "--ignore-not-found") == ""
    assert len(k("get", "cm", "-l", "n", "--chunk-size=1", "-o", "name").split()) == 3
    refused = k.fails("get", "cm", "--field-selector", "data.n=1")
    assert refused == 'Error from server (BadRequest): Unable to find "/v1, Resource=configmaps" that match label selector "", field selector "data.n=1": "data.n" is not a known field selector: only "metadata.name", "metadata.namespace"\n'  # fmt: skip


@shows("get -w", "get --watch-only", "get --output-watch-events")
def test_given_a_watch_then_changes_come_as_rows(k: Kubectl) -> None:
    k("create", "configmap", "c")
    seen = k.start("get", "cm", "c", "-w", "--output-watch-events")
    only = k.start("get", "cm", "--watch-only", "--field-selector=metadata.name=c", "-o", "name")
    assert seen.stdout is not None
    assert only.stdout is not None
    try:
        rows = [seen.stdout.readline().split()[:3] for _ in range(2)]
        k("patch", "cm", "c", "-p", '{"data":{"a":"1"}}')
        rows.append(seen.stdout.readline().split()[:3])
        k("delete", "cm", "c")
        rows.append(seen.stdout.readline().split()[:3])
    finally:
        for process in (seen, only):
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    assert rows == [["EVENT", "NAME", "DATA"], ["ADDED", "c", "0"], ["MODIFIED", "c", "1"], ["DELETED", "c", "1"]]


@shows("get all", "get a,b", "get kind/name", "get --raw", "get --subresource")
def test_given_several_kinds_then_one_get_shows_them(k: Kubectl) -> None:
    k.deployment("web")
    names = k("get", "all", "-o", "name").split()
    assert [name.partition("/")[0] for name in names] == ["pod", "deployment.apps", "replicaset.apps"]
    assert k("get", "deploy/web", "-o", "name") == "deployment.apps/web\n"
    assert len(k("get", "deploy,rs", "-o", "name").split()) == 2
    assert json.loads(k("get", "--raw", f"/api/v1/namespaces/{k.namespace}/pods"))["kind"] == "PodList"
    assert k("get", "--raw", "/readyz") == "ok"
    assert json.loads(k("get", "deploy", "web", "--subresource=scale", "-o", "json"))["kind"] == "Scale"
    assert "the server could not find the requested resource" in k.fails("get", "--raw", "/apis/nope/v1")
    assert k.fails("get", "pod", "nope") == 'Error from server (NotFound): pods "nope" not found\n'
    assert k.fails("get", "nopes") == 'error: the server doesn\'t have a resource type "nopes"\n'
