"""How workflows fail and when, as measured on Argo Workflows 4.1.2 with its default settings (a look once in 10 s).

The rows are the measurements: what was done, the workflow's phase, the node's message, the second of the end. Where the measurement counts from
the fault ("7 s after"), the fault comes here at the second that it must have come at: looks fall on 10 s after the change before.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import SECOND
from harness.kube.objects import Object
from harness.kube.resources import NODES

from .world import Run, World, world

DEADLINE = "Pod was active on the node longer than the specified deadline"


def hello(**template: Any) -> dict[str, Any]:
    spec = template.pop("spec", {})
    body = {"name": "main", "container": {"image": "busybox", "command": ["sh"]}, **template}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "wf"},
        "spec": {"entrypoint": "main", "templates": [body], **spec},
    }


def attempts(*codes: int) -> Any:
    """A script whose n-th pod ends with the n-th code."""
    left = list(codes)
    return lambda _pod: Run(exit_code=left.pop(0))


def phases(here: World) -> dict[str, tuple[str, str, str]]:
    return {name: (node["type"], node["phase"], node.get("message", "")) for name, node in here.nodes("wf").items()}


def test_given_hello_world_when_submitted_then_it_has_succeeded_after_ten_seconds_with_two_looks() -> None:
    with world() as here:
        here.submit(hello())
        status = here.finish("wf")
        assert (status["phase"], here.now_s()) == ("Succeeded", 10)
        assert status["progress"] == "1/1"
        assert status["nodes"]["wf"]["outputs"] == {"exitCode": "0"}
        assert {entry["type"]: entry["status"] for entry in status["conditions"]} == {
            "PodRunning": "False",
            "Completed": "True",
        }
        labels = here.workflow("wf")["metadata"]["labels"]
        assert labels["workflows.argoproj.io/completed"] == "true"
        assert labels["workflows.argoproj.io/phase"] == "Succeeded"


@pytest.mark.parametrize(
    ("run", "template", "message", "exit_code", "after_s"),
    [
        pytest.param(Run(exit_code=3), {}, "main: Error (exit code 3)", "3", 10, id="exit 3"),
        pytest.param(
            Run(exit_code=137, reason="OOMKilled"), {}, "main: OOMKilled (exit code 137)", "137", 10, id="out of memory"
        ),
        pytest.param(Run(runs_s=None), {"activeDeadlineSeconds": 20}, DEADLINE, "143", 30, id="template deadline"),
        pytest.param(Run(runs_s=None), {"timeout": "20s"}, DEADLINE, "143", 30, id="timeout"),
        pytest.param(
            Run(runs_s=None),
            {"spec": {"activeDeadlineSeconds": 20}},
            "Step exceeded its deadline",
            None,
            20,
            id="workflow deadline",
        ),
        pytest.param(
            Run(exit_code=1, pod_message="The node was low on resource: memory."),
            {},
            "The node was low on resource: memory.",
            "1",
            10,
            id="evicted by the kubelet",
        ),
    ],
)
def test_given_a_pod_that_ends_badly_then_phase_message_exit_code_and_moment_are_those_measured(
    run: Run, template: dict[str, Any], message: str, exit_code: str | None, after_s: int
) -> None:
    with world(lambda _pod: run) as here:
        here.submit(hello(**template))
        status = here.finish("wf")
        assert (status["phase"], status["message"]) == ("Failed", message)
        assert phases(here) == {"<wf>": ("Pod", "Failed", message)}
        assert here.nodes("wf")["<wf>"].get("outputs", {}).get("exitCode") == exit_code
        assert after_s <= here.now_s() <= after_s + 3


@pytest.mark.parametrize("grace_s", [None, 0])
def test_given_a_pod_that_is_known_as_running_when_deleted_then_the_node_is_an_error_without_an_exit_code(
    grace_s: int | None,
) -> None:
    with world(lambda _pod: Run(runs_s=None)) as here:
        here.submit(hello())
        here.advance(13)
        here.delete_pod("wf", grace_s)
        status = here.finish("wf")
        assert (status["phase"], status["message"]) == ("Error", "pod deleted")
        assert "outputs" not in here.nodes("wf")["<wf>"]
        assert here.now_s() == 20  # 7 s after


def test_given_a_node_that_is_still_pending_in_the_status_when_its_pod_is_deleted_then_the_pod_is_made_again() -> None:
    made: list[str] = []

    def script(pod: Object) -> Run:
        made.append(pod["metadata"]["uid"])
        return Run(starts_s=12 if len(made) == 1 else 1, runs_s=30)

    with world(script) as here:
        here.submit(hello(retryStrategy={"limit": 2}))
        here.advance(14)
        (pod,) = here.pods()
        assert pod["status"]["phase"] == "Running"
        assert phases(here)["<wf>(0)"][1] == "Pending"
        here.delete_pod(pod["metadata"]["name"])
        here.advance(7)
        (again,) = here.pods()
        assert again["metadata"]["name"] == pod["metadata"]["name"]
        assert again["metadata"]["uid"] != pod["metadata"]["uid"]
        assert here.finish("wf")["phase"] == "Succeeded"
        assert list(here.nodes("wf")) == ["<wf>", "<wf>(0)"]


@pytest.mark.parametrize(
    ("strategy", "retried"),
    [
        ({"limit": 2}, False),
        ({"limit": 2, "retryPolicy": "OnFailure"}, False),
        ({"limit": 2, "retryPolicy": "Always"}, True),
        ({"limit": 2, "retryPolicy": "OnError"}, True),
        ({"limit": 2, "expression": 'lastRetry.exitCode == "-1"'}, True),
    ],
)
def test_given_a_retry_strategy_when_the_pod_is_deleted_then_the_policy_decides(
    strategy: dict[str, Any], retried: bool
) -> None:
    with world(lambda _pod: Run(runs_s=15)) as here:
        here.submit(hello(retryStrategy=strategy))
        here.advance(12)
        here.delete_pod(here.pods()[0]["metadata"]["name"])
        here.advance(8)
        found = phases(here)
        assert found["<wf>(0)"] == ("Pod", "Error", "pod deleted")
        if retried:
            assert found["<wf>(1)"][:2] == ("Pod", "Pending")  # at once, in the same look
            assert here.status("wf")["phase"] == "Running"
            assert here.finish("wf")["phase"] == "Succeeded"
        else:
            assert found["<wf>"] == ("Retry", "Error", "pod deleted")
            assert here.status("wf")["phase"] == "Error"


@pytest.mark.parametrize(
    ("strategy", "codes", "phase", "message", "exit_code"),
    [
        ({"limit": 2}, (137, 137, 137), "Failed", "No more retries left", "137"),
        (
            {"expression": "asInt(lastRetry.exitCode) == 3"},
            (4,),
            "Failed",
            "retryStrategy.expression evaluated to false",
            "4",
        ),
        (
            {"expression": "asInt(lastRetry.exitCode) == 3"},
            (3, 3, 7),
            "Failed",
            "retryStrategy.expression evaluated to false",
            "7",
        ),
        ({"expression": "asInt(lastRetry.exitCode) == 3"}, (3, 0), "Succeeded", "", "0"),
        (
            {"limit": 2, "expression": "asInt(lastRetry.exitCode) == 3"},
            (3, 3, 3),
            "Failed",
            "No more retries left",
            "3",
        ),
    ],
)
def test_given_attempts_that_end_so_then_the_retry_node_ends_as_measured(
    strategy: dict[str, Any], codes: tuple[int, ...], phase: str, message: str, exit_code: str
) -> None:
    with world(attempts(*codes)) as here:
        here.submit(hello(retryStrategy=strategy))
        status = here.finish("wf")
        assert (status["phase"], status.get("message", "")) == (phase, message)
        assert phases(here)["<wf>"] == ("Retry", phase, message)
        assert here.nodes("wf")["<wf>"]["outputs"]["exitCode"] == exit_code
        assert len(here.nodes("wf")) == 1 + len(codes)
        assert here.now_s() == 10 * len(codes)  # no wait between attempts but the look


def test_given_a_template_deadline_and_a_limit_then_each_attempt_gets_its_own_time() -> None:
    with world(lambda _pod: Run(runs_s=None)) as here:
        here.submit(hello(activeDeadlineSeconds=20, retryStrategy={"limit": 2}))
        assert here.finish("wf")["message"] == "No more retries left"
        assert phases(here)["<wf>(2)"] == ("Pod", "Failed", DEADLINE)
        assert 90 <= here.now_s() <= 96


def test_given_a_workflow_deadline_and_a_limit_then_the_retry_node_says_that_there_is_no_time_left() -> None:
    with world(lambda _pod: Run(runs_s=None)) as here:
        here.submit(hello(spec={"activeDeadlineSeconds": 20}, retryStrategy={"limit": 2}))
        assert here.finish("wf")["phase"] == "Failed"
        assert here.now_s() == 20
        assert phases(here) == {
            "<wf>": ("Retry", "Failed", "retry exceeded workflow deadline 2026-03-01 08:00:20 +0000 UTC"),
            "<wf>(0)": ("Pod", "Failed", "Step exceeded its deadline"),
        }


@pytest.mark.parametrize("strategy", ["Terminate", "Stop"])
def test_given_a_running_pod_when_the_workflow_is_shut_down_then_it_fails_with_the_pods_own_end(strategy: str) -> None:
    with world(lambda _pod: Run(runs_s=None)) as here:
        here.submit(hello())
        here.advance(15)
        here.change("wf", {"spec": {"shutdown": strategy}})
        here.advance(6)
        assert phases(here) == {"<wf>": ("Pod", "Failed", f"workflow shutdown with strategy:  {strategy}")}
        assert here.status("wf")["phase"] == "Running"
        status = here.finish("wf")
        assert (status["phase"], status["message"]) == ("Failed", f"Stopped with strategy '{strategy}'")
        assert phases(here) == {"<wf>": ("Pod", "Failed", "main: Error (exit code 143)")}
        assert here.now_s() == 30  # 15 s after


def test_given_an_image_that_cannot_be_pulled_then_the_node_stays_pending_and_says_why() -> None:
    with world(lambda _pod: Run(waiting="ErrImagePull: no such image")) as here:
        here.submit(hello())
        here.advance(60)
        assert phases(here) == {"<wf>": ("Pod", "Pending", "ErrImagePull: no such image")}
        assert here.status("wf")["phase"] == "Running"


@pytest.mark.parametrize("strategy", [None, {"limit": 2}])
def test_given_a_node_that_dies_when_its_pod_is_at_last_gone_then_the_pod_is_made_again_and_no_retry_is_used(
    strategy: dict[str, Any] | None,
) -> None:
    with world(lambda _pod: Run(runs_s=600)) as here:
        here.submit(hello(**({"retryStrategy": strategy} if strategy else {})))
        here.advance(20)
        pod = here.pods()[0]["metadata"]["name"]

        def die() -> None:
            here.kubelet.dead.append("node-1")
            here.kubelet.hosts = ["node-2"]
            gone = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
            here.store.patch(NODES, None, "node-1", {"status": gone}, subresource="status")

        here.kernel.call(die)
        here.advance(30)
        here.delete_pod(pod)
        here.advance(60)
        name = "<wf>(0)" if strategy else "<wf>"
        assert phases(here)[name] == ("Pod", "Running", "")
        here.kernel.call(lambda: here.store.delete(NODES, None, "node-1"))
        here.delete_pod(pod, 0)
        here.advance(9.5)
        assert here.pods() == []
        here.advance(1)
        assert phases(here)[name] == ("Pod", "Error", "pod deleted")
        assert [found["metadata"]["name"] for found in here.pods()] == [pod]
        assert here.status("wf")["phase"] == "Running"
        here.advance(10)
        assert phases(here)[name] == ("Pod", "Running", "pod deleted")
        assert here.nodes("wf")[name]["hostNodeName"] == "node-2"
        assert here.finish("wf")["phase"] == "Succeeded"
        assert "<wf>(1)" not in here.nodes("wf")


@pytest.mark.parametrize(
    ("workflow", "message"),
    [
        (
            hello(inputs={"parameters": [{"name": "message"}]}),
            "invalid spec: templates.main inputs.parameters.message was not supplied",
        ),
        (hello(spec={"entrypoint": "other"}), "invalid spec: template name 'other' undefined"),
        (hello(spec={"synchronization": {"mutexes": [{"name": "a"}]}}), None),
    ],
)
def test_given_a_bad_spec_when_submitted_then_it_fails_at_once_without_nodes(
    workflow: dict[str, Any], message: str | None
) -> None:
    with world() as here:
        here.submit(workflow)
        status = here.finish("wf")
        assert here.now_s() == 0
        assert status["phase"] == "Failed"
        assert "nodes" not in status
        assert status["message"] == message if message else "spec.synchronization is not modelled" in status["message"]


def test_given_nothing_changes_when_a_day_passes_then_nobody_looks() -> None:
    with world(lambda _pod: Run(runs_s=None)) as here:
        here.submit(hello())
        here.advance(60)
        version = here.workflow("wf")["metadata"]["resourceVersion"]
        looks = len(here.timeline)
        here.advance(86_400)
        assert here.workflow("wf")["metadata"]["resourceVersion"] == version
        assert len(here.timeline) == looks
        assert here.kernel.now % SECOND == 0
