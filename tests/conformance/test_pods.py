"""kubectl on running pods: logs, wait, run, and what is refused (exec, attach, cp, debug of modelled containers)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.clock import format_time, parse_time
from tests.conformance.conftest import Kubectl
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow
TWO = '{"spec":{"containers":[{"name":"a","image":"app:1"},{"name":"b","image":"app:1"}]}}'


@shows(
    "logs",
    "logs --tail",
    "logs -c",
    "logs --all-containers",
    "logs --prefix",
    "logs -l",
    "logs deployment/",
    "logs --limit-bytes",
)
def test_given_output_then_logs_shows_the_part_that_is_asked_for(k: Kubectl) -> None:
    k.pod("p", "--labels=app=two", "--overrides", TWO)
    k.cluster.say(k.namespace, "p", "a", "one\ntwo\nthree\n")
    k.cluster.say(k.namespace, "p", "b", "four\n")
    assert k.run("logs", "p").stdout == "one\ntwo\nthree\n"
    assert k("logs", "p", "-c", "a") == "one\ntwo\nthree\n"
    assert k("logs", "p", "-c", "a", "--tail=1") == "three\n"
    assert k("logs", "p", "-c", "a", "--limit-bytes=5") == "one\nt"
    assert k("logs", "p", "--all-containers") == "one\ntwo\nthree\nfour\n"
    assert k("logs", "p", "-c", "b", "--prefix") == "[pod/p/b] four\n"
    assert k("logs", "-l", "app=two", "-c", "b") == "four\n"
    assert "container nope is not valid for pod p" in k.fails("logs", "p", "-c", "nope")
    assert k.fails("logs", "nope").startswith('error: error from server (NotFound): pods "nope" not found in namespace')
    k.deployment("web")
    pod = k("get", "pod", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}")
    k.cluster.say(k.namespace, pod, "web", "hello\n")
    assert k("logs", "deployment/web") == "hello\n"


@shows("logs --timestamps", "logs --since", "logs --since-time")
def test_given_lines_of_different_moments_then_logs_tells_and_selects_them(k: Kubectl) -> None:
    k.pod("p")
    k.cluster.say(k.namespace, "p", "p", "old\n")
    second = k.cluster.kernel.call(lambda: k.cluster.kernel.now) + 3_000_000
    k.cluster.until(lambda: k.cluster.kernel.now > second, "three seconds of the cluster's time")
    k.cluster.say(k.namespace, "p", "p", "new\n")
    lines = [line.split(" ") for line in k("logs", "p", "--timestamps").splitlines()]
    assert [line[1] for line in lines] == ["old", "new"]
    assert parse_time(lines[1][0]) - parse_time(lines[0][0]) > 3_000_000
    moment = format_time(second)
    assert k("logs", "p", f"--since-time={moment}") == "new\n"
    assert k("logs", "p", "--since=1h") == "old\nnew\n"


@shows("logs -f", "logs --previous")
def test_given_a_container_that_goes_on_then_logs_follows_it_and_shows_the_run_before(k: Kubectl) -> None:
    k.pod("p")
    following = k.start("logs", "-f", "p")
    k.cluster.say(k.namespace, "p", "p", "first\n")
    assert following.stdout is not None
    assert following.stdout.readline() == "first\n"
    k.cluster.say(k.namespace, "p", "p", "second\n")
    assert following.stdout.readline() == "second\n"
    k("delete", "pod", "p", "--wait=false")
    rest, errors = following.communicate(timeout=50)
    assert (following.returncode, rest, errors) == (0, "", "")
    k("run", "crashing", "--image=crash:1")
    k("wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/crashing", "--timeout=50s")
    assert k("logs", "crashing", "--previous") == ""
    k.pod("fresh")
    refused = k.fails("logs", "fresh", "--previous")
    assert refused == 'Error from server (BadRequest): previous terminated container "fresh" in pod "fresh" not found\n'


@shows("wait --for=condition", "wait --for=delete", "wait --for=jsonpath", "wait --for=create")
def test_given_things_to_wait_for_then_wait_returns_when_they_hold(k: Kubectl) -> None:
    waiting = k.start("wait", "--for=create", "pod/p", "--timeout=50s")
    k("run", "p", "--image=app:1")
    out, _ = waiting.communicate(timeout=55)
    assert (waiting.returncode, out) == (0, "pod/p condition met\n")
    assert k("wait", "--for=condition=Ready", "pod/p", "--timeout=50s") == "pod/p condition met\n"
    assert k("wait", "--for=jsonpath={.status.phase}=Running", "pod/p", "--timeout=50s") == "pod/p condition met\n"
    gone = k.start("wait", "--for=delete", "pod/p", "--timeout=50s")
    k("delete", "pod", "p")
    gone.communicate(timeout=55)
    assert gone.returncode == 0
    assert "timed out waiting for the condition" in (
        k("run", "q", "--image=app:1") and k.fails("wait", "--for=condition=Nope", "pod/q", "--timeout=1s")
    )


@shows("run", "run --restart=Never", "run -i --rm")
def test_given_run_then_a_pod_is_made(k: Kubectl) -> None:
    assert k("run", "p", "--image=app:1", "--env=A=1", "--labels=a=b", "--port=80") == "pod/p created\n"
    spec = json.loads(k("get", "pod", "p", "-o", "json"))["spec"]
    assert (spec["containers"][0]["env"], spec["containers"][0]["ports"][0]["containerPort"]) == (
        [{"name": "A", "value": "1"}],
        80,
    )
    k("run", "once", "--image=done:1", "--restart=Never")
    k("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/once", "--timeout=50s")
    refused = k.run("run", "shell", "--image=app:1", "--rm", "-i", "--", "sh", stdin="ls\n")
    assert "attach is not served by the embedded cluster" in refused.stderr


@shows("exec on a modelled container", "attach", "cp", "debug")
def test_given_a_modelled_container_then_what_needs_a_process_is_refused_with_the_reason(
    k: Kubectl, tmp_path: Path
) -> None:
    k.pod("p")
    assert "exec is not served here: a modelled container has no process" in k.fails("exec", "p", "--", "ls")
    assert "attach is not served by the embedded cluster" in k.fails("attach", "p")
    assert "exec is not served here" in k.fails("cp", f"{k.namespace}/p:/etc/hosts", str(tmp_path / "hosts"))
    assert "ephemeral containers are disabled for this cluster" in k.fails("debug", "p", "--image=busybox", "-q")
