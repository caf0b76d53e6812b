"""Rules on manifests: workflows, volumes, autoscalers, selectors."""

from tests.harness.check.cases import Cases
from tests.harness.check.cases.build import (
    ci,
    container,
    dag,
    deployment,
    manifest,
    run,
    work,
    workflow,
)

M = "m.yaml"
W = "m.yaml#Workflow/run-"


def mounts(name: str) -> dict[str, object]:
    return container(volumeMounts=[{"name": name, "mountPath": "/data"}])


BACKGROUND_TASK_WAITED_FOR = Cases(
    found={
        "depends, in another order": (
            {
                M: workflow(
                    dag(
                        {"name": "last", "depends": "mid"},
                        {"name": "mid", "depends": "slow-async"},
                        {"name": "slow-async"},
                    ),
                    work(),
                )
            },
            [f"{W}/main/slow-async"],
        ),
        "said by an annotation, while something small runs beside it": (
            {
                M: workflow(
                    {
                        "name": "main",
                        "dag": {
                            "tasks": [
                                {"name": "big", "template": "heavy"},
                                {"name": "note", "template": "work"},
                                {"name": "next", "template": "work", "dependencies": ["big"]},
                                {"name": "end", "template": "work", "dependencies": ["next", "note"]},
                            ]
                        },
                    },
                    work("heavy", metadata={"annotations": {"example.org/mode": "background"}}),
                    work(),
                )
            },
            [f"{W}/main/big"],
        ),
        "steps, and only one task after it": (
            {
                M: workflow(
                    {
                        "name": "main",
                        "steps": [
                            [{"name": "background-copy", "template": "work"}],
                            [{"name": "b", "template": "work"}],
                        ],
                    },
                    work(),
                )
            },
            [f"{W}/main/background-copy"],
        ),
    },
    silent={
        "a join at the end": {
            M: workflow(
                dag({"name": "background"}, {"name": "work1"}, {"name": "join", "depends": "background && work1"}),
                work(),
            )
        },
        "a join, and a task after it": {
            M: workflow(
                dag(
                    {"name": "background"},
                    {"name": "a"},
                    {"name": "join", "dependencies": ["background", "a"]},
                    {"name": "notify", "depends": "join.Succeeded || join.Failed"},
                ),
                work(),
            )
        },
        "a daemon: dependants start when it is ready": {
            M: workflow(
                dag(
                    {"name": "background", "template": "server"},
                    {"name": "a", "depends": "background"},
                    {"name": "b", "depends": "a"},
                ),
                work(),
                work("server", daemon=True),
            )
        },
        "waits for nobody": {
            M: workflow(
                dag({"name": "a"}, {"name": "foreground", "depends": "a"}, {"name": "c", "depends": "foreground"}),
                work(),
            )
        },
    },
)

UNDEFINED_TEMPLATE = Cases(
    found={
        "a step": (
            {M: workflow({"name": "main", "steps": [[{"name": "s", "template": "gone"}]]}, work())},
            [f"{W}/main/s"],
        ),
        "the exit handler of a CronWorkflow": (
            {
                M: {
                    **manifest("argoproj.io/v1alpha1", "CronWorkflow", "nightly"),
                    "spec": {"workflowSpec": {"entrypoint": "work", "onExit": "tidy", "templates": [work()]}},
                }
            },
            ["m.yaml#CronWorkflow/nightly"],
        ),
        "the entrypoint": ({M: workflow(work("other"), entrypoint="start")}, [W]),
        "a task that is not there": (
            {M: workflow(dag({"name": "a", "dependencies": ["z"]}), work())},
            [f"{W}/main/a"],
        ),
    },
    silent={
        "all defined": {M: workflow(dag({"name": "a"}), work(), onExit="work")},
        "of a WorkflowTemplate": {
            M: workflow(dag({"name": "a"}), entrypoint="x", workflowTemplateRef={"name": "shared"})
        },
        "a reference to another object's template": {
            M: workflow(
                {"name": "main", "dag": {"tasks": [{"name": "a", "templateRef": {"name": "lib", "template": "t"}}]}}
            )
        },
        "inline": {M: workflow({"name": "main", "dag": {"tasks": [{"name": "a", "inline": work()}]}})},
    },
)

PARAMETER = Cases(
    found={
        "used, not declared": (
            {M: workflow(work("w", container=container(args=["{{workflow.parameters.size}}"])))},
            [W],
        ),
        "declared, without an effect": (
            {M: workflow(work("w"), arguments={"parameters": [{"name": "size", "value": "1"}]})},
            [W],
        ),
        "an input in an expression": (
            {M: workflow(work("w", container=container(args=["{{=asInt(inputs.parameters.n) + 1}}"])))},
            [f"{W}/w"],
        ),
    },
    silent={
        "declared and used": {
            M: workflow(
                work("w", container=container(args=["{{ workflow.parameters.size }}"])),
                arguments={"parameters": [{"name": "size", "value": "1"}]},
            )
        },
        "in brackets, as expressions write it": {
            M: workflow(
                work(
                    "w",
                    inputs={"parameters": [{"name": "how-many", "value": "1"}]},
                    container=container(args=["{{=inputs.parameters['how-many']}}"]),
                )
            )
        },
        "Argo's own, and what whoever submits a template passes": {
            M: workflow(work("w", container=container(args=["{{workflow.parameters.json}}"]))),
            "t.yaml": workflow(
                work("w", container=container(args=["{{workflow.parameters.who}}"])), kind="WorkflowTemplate"
            ),
        },
        "an argument for the entrypoint's input": {
            M: workflow(
                work(
                    "w", inputs={"parameters": [{"name": "n"}]}, container=container(args=["{{inputs.parameters.n}}"])
                ),
                arguments={"parameters": [{"name": "n", "value": "1"}]},
            )
        },
        "all of them at once": {
            M: workflow(
                work("w", container=container(args=["{{workflow.parameters}}"])),
                arguments={"parameters": [{"name": "a", "value": "1"}]},
            )
        },
    },
)

FIXED = {"name": "nightly"}
WORKFLOW_RUNS_ONCE = Cases(
    found={
        "applied from a file": (
            {"deploy/w.yaml": workflow(work(), metadata=FIXED), "ci.yml": ci(run("kubectl apply -f deploy/w.yaml"))},
            ["deploy/w.yaml#Workflow/nightly"],
        ),
        "created from its folder": (
            {
                "deploy/w.yaml": workflow(work(), metadata=FIXED),
                "ci.yml": ci(run("cd x && kubectl create --filename=./deploy")),
            },
            ["deploy/w.yaml#Workflow/nightly"],
        ),
        "through a filter, and by argo": (
            {
                "a.yaml": workflow(work(), metadata=FIXED),
                "b.yaml": workflow(work(), metadata={"name": "other"}),
                "ci.yml": ci(run("sed s/x/y/ a.yaml | kubectl apply -f -\nargo submit b.yaml --wait")),
            },
            ["a.yaml#Workflow/nightly", "b.yaml#Workflow/other"],
        ),
    },
    silent={
        "a generated name": {"w.yaml": workflow(work()), "ci.yml": ci(run("kubectl create -f w.yaml"))},
        "a template is meant to stay": {
            "w.yaml": workflow(work(), metadata=FIXED, kind="WorkflowTemplate"),
            "ci.yml": ci(run("kubectl apply -f w.yaml")),
        },
        "removed before": {
            "w.yaml": workflow(work(), metadata=FIXED),
            "ci.yml": ci(run("kubectl delete wf nightly --ignore-not-found\nkubectl apply -f w.yaml")),
        },
        "another file is applied": {
            "w.yaml": workflow(work(), metadata=FIXED),
            "v.yaml": deployment("d"),
            "ci.yml": ci(run("kubectl apply -f v.yaml # not w.yaml")),
        },
    },
)

CLAIM = {"name": "disk", "persistentVolumeClaim": {"claimName": "shared"}}
UNDEFINED_VOLUME = Cases(
    found={
        "of a Deployment": ({M: deployment("d", containers=[mounts("cache")])}, ["m.yaml#Deployment/d"]),
        "defined only in another template": (
            {M: workflow(work("a", container=mounts("v")), work("b", volumes=[{"name": "v", "emptyDir": {}}]))},
            [f"{W}/a"],
        ),
        "a claim that nobody makes, of a CronJob": (
            {
                M: manifest(
                    "batch/v1",
                    "CronJob",
                    "c",
                    {
                        "jobTemplate": {
                            "spec": {"template": {"spec": {"containers": [mounts("disk")], "volumes": [CLAIM]}}}
                        }
                    },
                )
            },
            ["m.yaml#CronJob/c"],
        ),
        "a claim of another namespace": (
            {
                M: deployment("d", containers=[mounts("disk")], volumes=[CLAIM]),
                "p.yaml": manifest("v1", "PersistentVolumeClaim", "shared", namespace="elsewhere"),
            },
            ["m.yaml#Deployment/d"],
        ),
    },
    silent={
        "of the workflow": {M: workflow(work("a", container=mounts("v")), volumes=[{"name": "v", "emptyDir": {}}])},
        "claim templates": {
            M: workflow(work("a", script=mounts("v")), volumeClaimTemplates=[{"metadata": {"name": "v"}}]),
            "s.yaml": manifest(
                "apps/v1",
                "StatefulSet",
                "s",
                {
                    "template": {"spec": {"containers": [mounts("d")]}},
                    "volumeClaimTemplates": [{"metadata": {"name": "d"}}],
                },
            ),
        },
        "a claim that is made": {
            M: deployment("d", containers=[mounts("disk")], volumes=[CLAIM]),
            "p.yaml": manifest("v1", "PersistentVolumeClaim", "shared"),
        },
        "defined and not mounted": {M: deployment("d", volumes=[CLAIM])},
    },
)


def scaler(target: dict[str, str], kind: str = "HorizontalPodAutoscaler") -> dict[str, object]:
    return manifest("autoscaling/v2", kind, "h", {"scaleTargetRef": target})


MISSING_SCALE_TARGET = Cases(
    found={
        "no such Deployment": (
            {M: scaler({"kind": "Deployment", "name": "web"}), "d.yaml": deployment("api")},
            ["m.yaml#HorizontalPodAutoscaler/h"],
        ),
        "of another kind": (
            {M: scaler({"kind": "StatefulSet", "name": "web"}), "d.yaml": deployment("web")},
            ["m.yaml#HorizontalPodAutoscaler/h"],
        ),
        "KEDA, without a kind": ({M: scaler({"name": "web"}, "ScaledObject")}, ["m.yaml#ScaledObject/h"]),
    },
    silent={
        "it is there": {M: scaler({"kind": "Deployment", "name": "web"}), "d.yaml": deployment("web")},
        "KEDA, and it is there": {M: scaler({"name": "web"}, "ScaledObject"), "d.yaml": deployment("web")},
        "a kind of one's own": {
            M: scaler({"kind": "Rollout", "name": "web"}),
            "d.yaml": manifest("argoproj.io/v1alpha1", "Rollout", "web"),
        },
    },
)

SELECTS_NO_POD = Cases(
    found={
        "a Service": (
            {M: manifest("v1", "Service", "s", {"selector": {"app": "api"}}), "d.yaml": deployment("web")},
            ["m.yaml#Service/s"],
        ),
        "a budget by expression": (
            {
                M: manifest(
                    "policy/v1",
                    "PodDisruptionBudget",
                    "b",
                    {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["x", "y"]}]}},
                ),
                "d.yaml": deployment("web"),
            },
            ["m.yaml#PodDisruptionBudget/b"],
        ),
        "pods of another namespace": (
            {
                M: manifest("v1", "Service", "s", {"selector": {"app": "web"}}, namespace="n"),
                "d.yaml": deployment("web"),
            },
            ["m.yaml#Service/s"],
        ),
    },
    silent={
        "selected": {M: manifest("v1", "Service", "s", {"selector": {"app": "web"}}), "d.yaml": deployment("web")},
        "endpoints by hand": {M: manifest("v1", "Service", "s")},
        "pods of a workflow": {
            M: manifest("policy/v1", "PodDisruptionBudget", "b", {"selector": {"matchLabels": {"part": "p"}}}),
            "w.yaml": workflow(work(), podMetadata={"labels": {"part": "p"}}),
        },
    },
)
