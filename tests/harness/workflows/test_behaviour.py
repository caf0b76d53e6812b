"""What a workflow may ask for besides its tasks: exit handlers, loops, conditions, suspension, limits, clean-up. Traces in virtual time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.kube.objects import Object
from harness.kube.resources import PODS, WORKFLOWS

from .world import NAMESPACE, Run, World, template_of, world

ECHO = {
    "name": "echo",
    "inputs": {"parameters": [{"name": "text", "value": "-"}]},
    "container": {"image": "busybox", "args": ["{{inputs.parameters.text}}"]},
}


def workflow(*templates: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "wf"},
        "spec": {"entrypoint": "main", "templates": [*templates, ECHO], **spec},
    }


def dag(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    dag_fields = {key: more.pop(key) for key in ("failFast", "target") if key in more}
    return {"name": "main", "dag": {"tasks": [{"template": "echo", **task} for task in tasks], **dag_fields}, **more}


def say(text: str) -> dict[str, Any]:
    return {"parameters": [{"name": "text", "value": text}]}


def failing(*names: str) -> Any:
    return lambda pod: Run(exit_code=1) if any(name in template_of(pod) for name in names) else Run()


def shown(here: World) -> dict[str, tuple[str, str]]:
    return {name: (node["type"], node["phase"]) for name, node in here.nodes("wf").items()}


def told(here: World, name: str) -> str:
    return str(here.nodes("wf")[name]["inputs"]["parameters"][0]["value"])


@pytest.mark.parametrize(
    ("bad", "phase", "message"),
    [
        ((), "Succeeded", ""),
        (("wf.onExit",), "Failed", "main: Error (exit code 1)"),
        (("wf.a",), "Failed", ""),
        (("wf.a", "wf.onExit"), "Failed", ""),
    ],
)
def test_given_an_exit_handler_then_it_runs_in_any_case_and_fails_only_what_had_succeeded(
    bad: tuple[str, ...], phase: str, message: str
) -> None:
    handler = {
        "name": "bye",
        "inputs": {"parameters": [{"name": "status", "value": "{{workflow.status}}"}]},
        "container": {"image": "busybox"},
    }
    with world(failing(*bad)) as here:
        here.submit(workflow(dag({"name": "a"}), handler, onExit="bye"))
        status = here.finish("wf")
        assert (status["phase"], status.get("message", "")) == (phase, message)
        node = here.nodes("wf")["<wf>.onExit"]
        assert node["nodeFlag"] == {"hooked": True}
        assert told(here, "<wf>.onExit") == ("Failed" if "wf.a" in bad else "Succeeded")
        assert here.pods()[-1]["metadata"]["labels"].get("workflows.argoproj.io/on-exit") or len(here.pods()) == 2


def test_given_failures_when_the_exit_handler_runs_then_it_can_name_them() -> None:
    handler = {
        "name": "bye",
        "inputs": {"parameters": [{"name": "what", "value": "{{workflow.failures}}"}]},
        "container": {"image": "busybox"},
    }
    with world(failing("wf.a")) as here:
        here.submit(workflow(dag({"name": "a"}), handler, onExit="bye"))
        here.finish("wf")
        failures = json.loads(json.loads(told(here, "<wf>.onExit")))
    assert [(entry["displayName"], entry["message"]) for entry in failures if entry["templateName"] == "echo"] == [
        ("a", "main: Error (exit code 1)")
    ]


def test_given_a_when_that_is_false_then_the_task_is_skipped_and_what_depends_on_it_runs() -> None:
    tasks = (
        {"name": "a", "when": "{{workflow.parameters.run}} == yes"},
        {"name": "b", "depends": "a", "arguments": say("{{tasks.a.status}}")},
    )
    with world() as here:
        here.submit(workflow(dag(*tasks), arguments={"parameters": [{"name": "run", "value": "no"}]}))
        assert here.finish("wf")["phase"] == "Succeeded"
        assert shown(here)["<wf>.a"] == ("Skipped", "Skipped")
        assert here.nodes("wf")["<wf>.a"]["message"] == "when 'no == yes' evaluated false"
        assert told(here, "<wf>.b") == "Skipped"


def test_given_a_list_parameter_when_a_task_loops_over_it_then_there_is_one_pod_an_item_and_an_empty_list_is_skipped() -> (
    None
):
    tasks = (
        {"name": "each", "withParam": "{{workflow.parameters.items}}", "arguments": say("{{item.name}}")},
        {"name": "none", "withParam": "[]", "arguments": say("{{item}}")},
        {"name": "after", "depends": "each.AnySucceeded && none"},
    )
    with world(failing("each(1")) as here:
        items = json.dumps([{"name": "x"}, {"name": "y"}])
        here.submit(workflow(dag(*tasks), arguments={"parameters": [{"name": "items", "value": items}]}))
        assert here.finish("wf")["phase"] == "Succeeded"
        assert shown(here) == {
            "<wf>": ("DAG", "Succeeded"),
            "<wf>.each": ("TaskGroup", "Failed"),
            "<wf>.each(0:name:x)": ("Pod", "Succeeded"),
            "<wf>.each(1:name:y)": ("Pod", "Failed"),
            "<wf>.none": ("Skipped", "Skipped"),
            "<wf>.after": ("Pod", "Succeeded"),
        }
        assert here.nodes("wf")["<wf>.none"]["message"] == "Skipped, empty params"
        assert told(here, "<wf>.each(1:name:y)") == "y"


def test_given_a_target_then_only_what_leads_to_it_runs() -> None:
    tasks = ({"name": "a"}, {"name": "b", "depends": "a"}, {"name": "c", "depends": "b"})
    with world() as here:
        here.submit(workflow(dag(*tasks, target="b")))
        assert here.finish("wf")["phase"] == "Succeeded"
        assert set(here.nodes("wf")) == {"<wf>", "<wf>.a", "<wf>.b"}


@pytest.mark.parametrize("fail_fast", [True, False])
def test_given_a_branch_that_fails_then_the_other_branch_goes_on_and_the_dag_fails_at_the_end(fail_fast: bool) -> None:
    tasks = ({"name": "a"}, {"name": "b", "depends": "a"}, {"name": "x"}, {"name": "y", "depends": "x"})
    with world(failing(".a")) as here:
        here.submit(workflow(dag(*tasks, failFast=fail_fast)))
        assert here.finish("wf")["phase"] == "Failed"
        assert shown(here)["<wf>.b"] == ("Skipped", "Omitted")
        assert shown(here)["<wf>.y"] == ("Pod", "Succeeded")


def test_given_a_failure_that_the_next_task_takes_up_then_the_dag_succeeds() -> None:
    tasks = ({"name": "a"}, {"name": "repair", "depends": "a.Failed"})
    with world(failing(".a")) as here:
        here.submit(workflow(dag(*tasks)))
        assert here.finish("wf")["phase"] == "Succeeded"


def test_given_outputs_by_expression_when_a_dag_ends_then_a_later_task_gets_them() -> None:
    inner = {
        "name": "inner",
        "dag": {"tasks": [{"name": "leaf", "template": "echo"}]},
        "outputs": {
            "parameters": [
                {"name": "code", "valueFrom": {"expression": "asInt(tasks.leaf.exitCode) + 1"}},
                {"name": "fixed", "valueFrom": {"default": "seven"}},
            ]
        },
    }
    text = "{{tasks.a.outputs.parameters.code}} {{tasks.a.outputs.parameters.fixed}}"
    tasks = ({"name": "a", "template": "inner"}, {"name": "b", "depends": "a", "arguments": say(text)})
    with world() as here:
        here.submit(workflow(dag(*tasks), inner))
        assert here.finish("wf")["phase"] == "Succeeded"
        assert told(here, "<wf>.b") == "1 seven"


def test_given_a_function_that_is_not_known_then_the_error_names_it() -> None:
    with world() as here:
        here.submit(workflow(dag({"name": "a", "arguments": say("{{=jsonpath(workflow.name, '$')}}")})))
        status = here.finish("wf")
        assert status["phase"] == "Error"
        assert status["message"].startswith("error in entry template execution: unknown function 'jsonpath' in ")


@pytest.mark.parametrize(("level", "limit", "ends_s"), [("spec", 1, 40), ("template", 2, 20), ("template", 4, 10)])
def test_given_a_limit_of_parallelism_then_no_more_pods_run_at_once(level: str, limit: int, ends_s: int) -> None:
    most = 0

    def script(pod: Object) -> Run:
        nonlocal most
        active = [
            found for found in here.store.list(PODS, NAMESPACE) if found["status"]["phase"] in {"Pending", "Running"}
        ]
        most = max(most, len(active))
        return Run()

    tasks = [{"name": name} for name in "abcd"]
    template_limit = {"parallelism": limit} if level == "template" else {}
    spec_limit = {"parallelism": limit} if level == "spec" else {}
    with world(script) as here:
        here.submit(workflow(dag(*tasks, **template_limit), **spec_limit))
        assert here.finish("wf")["phase"] == "Succeeded"
        assert here.now_s() == ends_s
    assert most == limit


def test_given_a_suspended_workflow_when_it_is_resumed_then_it_starts() -> None:
    with world() as here:
        here.submit(workflow(dag({"name": "a"}), suspend=True))
        here.advance(60)
        assert here.pods() == []
        assert here.status("wf")["phase"] == "Running"
        here.change("wf", {"spec": {"suspend": None}})
        assert here.finish("wf")["phase"] == "Succeeded"


def test_given_a_suspend_template_with_a_duration_then_the_next_step_waits_for_it() -> None:
    steps = {"name": "main", "steps": [[{"name": "wait", "template": "wait"}], [{"name": "go", "template": "echo"}]]}
    with world() as here:
        here.submit(workflow(steps, {"name": "wait", "suspend": {"duration": "45s"}}))
        assert here.finish("wf")["phase"] == "Succeeded"
        assert here.now_s() == 55
        assert shown(here)["<wf>[0].wait"] == ("Suspend", "Succeeded")


def test_given_a_back_off_then_attempts_wait_for_it_and_the_node_says_so() -> None:
    retried = {**ECHO, "name": "main", "retryStrategy": {"limit": 2, "backoff": {"duration": "30s", "factor": 2}}}
    with world(failing("wf")) as here:
        here.submit(workflow(retried))
        here.advance(11)
        assert here.nodes("wf")["<wf>"]["message"] == "Backoff for 30 seconds"
        assert here.finish("wf")["message"] == "No more retries left"
        starts = [node["startedAt"][14:19] for name, node in here.nodes("wf").items() if name != "<wf>"]
        assert starts == ["00:00", "00:33", "01:36"]


def test_given_a_retry_that_avoids_nodes_then_the_next_pod_does_not_go_where_the_last_one_was() -> None:
    retried = {**ECHO, "name": "main", "retryStrategy": {"limit": 1, "affinity": {"nodeAntiAffinity": {}}}}
    with world(failing("(0)")) as here:
        here.submit(workflow(retried))
        assert here.finish("wf")["phase"] == "Succeeded"
        second = next(pod for pod in here.pods() if template_of(pod).endswith("(1)"))
        required = second["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (term,) = required["nodeSelectorTerms"]
        assert term["matchExpressions"] == [
            {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-1"]}
        ]


@pytest.mark.parametrize(
    ("strategy", "left"),
    [
        (None, ["a", "b"]),
        ("OnPodCompletion", []),
        ("OnPodSuccess", ["b"]),
        ("OnWorkflowCompletion", []),
        ("OnWorkflowSuccess", ["a", "b"]),
    ],
)
def test_given_a_pod_gc_strategy_when_the_workflow_has_failed_then_these_pods_are_left(
    strategy: str | None, left: list[str]
) -> None:
    rule = {"podGC": {"strategy": strategy}} if strategy else {}
    with world(failing(".b")) as here:
        here.submit(workflow(dag({"name": "a"}, {"name": "b"}), **rule))
        assert here.finish("wf")["phase"] == "Failed"
        assert len(here.pods()) == 2
        here.advance(5)
        assert sorted(template_of(pod).rpartition(".")[2] for pod in here.pods()) == left
        assert all(pod["metadata"]["labels"]["workflows.argoproj.io/completed"] == "true" for pod in here.pods())


@pytest.mark.parametrize(
    ("rule", "after_s"),
    [
        ({"secondsAfterCompletion": 100}, 100),
        ({"secondsAfterSuccess": 50, "secondsAfterCompletion": 100}, 50),
        ({"secondsAfterFailure": 50}, None),
    ],
)
def test_given_a_time_to_live_when_it_is_over_then_the_workflow_is_deleted(
    rule: dict[str, int], after_s: int | None
) -> None:
    with world() as here:
        here.submit(workflow(dag({"name": "a"}), ttlStrategy=rule))
        here.finish("wf")

        def exists() -> bool:
            return here.kernel.call(lambda: here.store.get(WORKFLOWS, NAMESPACE, "wf")) is not None

        here.advance((after_s or 1000) - 1)
        assert exists()
        here.advance(1)
        assert exists() is (after_s is None)


def test_given_a_run_then_its_events_are_those_of_argo() -> None:
    with world(failing(".b")) as here:
        here.submit(workflow(dag({"name": "a"}, {"name": "b"})))
        here.finish("wf")
        assert here.events("WorkflowRunning") == ["Workflow Running"]
        assert here.events("WorkflowFailed") == [""]
        assert here.events("WorkflowNodeSucceeded") == ["Succeeded node wf.a"]
        assert "Failed node wf.b: main: Error (exit code 1)" in here.events("WorkflowNodeFailed")
        assert sorted(here.events("WorkflowNodeRunning")) == [
            "Running node wf",
            "Running node wf.a",
            "Running node wf.b: main: Error (exit code 1)",
        ]


def test_given_a_pod_that_the_api_refuses_then_its_node_is_an_error_with_the_apis_words() -> None:
    bad = {**ECHO, "name": "main", "priorityClassName": "no-such-class"}
    with world() as here:
        here.submit(workflow(bad))
        status = here.finish("wf")
        assert status["phase"] == "Error"
        assert "no-such-class" in status["message"]


def test_given_a_shutdown_by_stop_then_the_exit_handler_still_runs() -> None:
    with world(lambda pod: Run(runs_s=2 if "onExit" in template_of(pod) else None)) as here:
        here.submit(workflow(dag({"name": "a"}), onExit="echo"))
        here.advance(15)
        here.change("wf", {"spec": {"shutdown": "Stop"}})
        status = here.finish("wf")
        assert (status["phase"], status["message"]) == ("Failed", "Stopped with strategy 'Stop'")
        assert shown(here)["<wf>.onExit"] == ("Pod", "Succeeded")


def test_given_the_same_seed_then_two_runs_are_alike_to_the_byte() -> None:
    def run() -> str:
        with world(failing(".b")) as here:
            here.submit(workflow(dag({"name": "a"}, {"name": "b"}, {"name": "c", "depends": "a && b"})))
            status = here.finish("wf")
            return here.timeline.as_jsonl() + json.dumps(status)

    assert run() == run()


@pytest.mark.parametrize(("rule", "phase"), [({}, "Failed"), ({"continueOn": {"failed": True}}, "Succeeded")])
def test_given_a_task_that_may_fail_then_what_depends_on_it_runs_all_the_same(rule: dict[str, Any], phase: str) -> None:
    tasks = ({"name": "a", **rule}, {"name": "b", "dependencies": ["a"]})
    with world(failing(".a")) as here:
        here.submit(workflow(dag(*tasks)))
        assert here.finish("wf")["phase"] == phase
        assert shown(here)["<wf>.b"] == (("Pod", "Succeeded") if rule else ("Skipped", "Omitted"))


def test_given_a_dag_that_is_retried_then_the_second_attempt_runs_all_of_it_again() -> None:
    inner = {
        "name": "inner",
        "retryStrategy": {"limit": 1},
        "dag": {"tasks": [{"name": "x", "template": "echo"}, {"name": "y", "template": "echo", "depends": "x"}]},
    }
    with world(failing("(0).y")) as here:
        here.submit(workflow(dag({"name": "a", "template": "inner"}, {"name": "b", "depends": "a"}), inner))
        assert here.finish("wf")["phase"] == "Succeeded"
        assert shown(here) == {
            "<wf>": ("DAG", "Succeeded"),
            "<wf>.a": ("Retry", "Succeeded"),
            "<wf>.a(0)": ("DAG", "Failed"),
            "<wf>.a(0).x": ("Pod", "Succeeded"),
            "<wf>.a(0).y": ("Pod", "Failed"),
            "<wf>.a(1)": ("DAG", "Succeeded"),
            "<wf>.a(1).x": ("Pod", "Succeeded"),
            "<wf>.a(1).y": ("Pod", "Succeeded"),
            "<wf>.b": ("Pod", "Succeeded"),
        }


def test_given_a_pod_that_ends_after_its_workflow_then_it_is_cleaned_up_too() -> None:
    with world(lambda _pod: Run(runs_s=None, stops_s=8)) as here:
        here.submit(workflow(dag({"name": "a"}), activeDeadlineSeconds=20, podGC={"strategy": "OnWorkflowCompletion"}))
        assert here.finish("wf")["phase"] == "Failed"
        assert here.now_s() == 20
        here.advance(30)
        assert here.pods() == []


def test_given_a_failing_step_then_its_group_and_the_steps_template_say_which() -> None:
    steps = {"name": "main", "steps": [[{"name": "s", "template": "echo"}], [{"name": "t", "template": "echo"}]]}
    with world(failing("[0].s")) as here:
        here.submit(workflow(steps))
        status = here.finish("wf")
        child = here.nodes("wf")["<wf>[0].s"]["id"]
        assert status["message"] == f"child '{child}' failed"
        assert set(here.nodes("wf")) == {"<wf>", "<wf>[0]", "<wf>[0].s"}
