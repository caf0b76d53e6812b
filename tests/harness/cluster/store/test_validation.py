"""Refusals of fields, with the texts that a 1.34 control plane gave for the same objects (recorded 2026-11-23)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.cluster.store import Store
from harness.kube.errors import ApiError, Invalid
from harness.kube.objects import Object
from harness.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    PRIORITY_CLASSES,
    Resource,
)

CONTAINER = {"name": "c", "image": "a:1"}
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
    "'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def named(name: str, **body: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, **body}


def job(name: str = "j", /, restart: str | None = "Never", **spec: Any) -> dict[str, Any]:
    pod = {"containers": [CONTAINER], **({"restartPolicy": restart} if restart else {})}
    return named(name, spec={"template": {"spec": pod}, **spec})


RECORDED: list[tuple[Resource, Object, str]] = [
    (
        JOBS,
        named("J_", spec={"parallelism": -1, "template": {"spec": {"containers": [{"name": "c"}]}}}),
        f'Job.batch "J_" is invalid: [metadata.name: Invalid value: "J_": {SUBDOMAIN}, spec.parallelism: Invalid value: -1: must be '
        f'greater than or equal to 0, spec.template.labels: Invalid value: "J_": {VALUE}, spec.template.spec.containers[0].image: Required '
        'value, spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"]',
    ),
    (
        JOBS,
        job(restart="Sometimes", completionMode="Foo"),
        'Job.batch "j" is invalid: [spec.completionMode: Unsupported value: "Foo": supported values: "NonIndexed", "Indexed", '
        'spec.template.spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never", '
        'spec.template.spec.restartPolicy: Unsupported value: "Sometimes": supported values: "OnFailure", "Never"]',
    ),
    (PODS, named("p", spec={}), 'Pod "p" is invalid: spec.containers: Required value'),
    (
        PODS,
        named(
            "p",
            spec={
                "containers": [
                    {
                        **CONTAINER,
                        "volumeMounts": [{"name": "nope", "mountPath": "/x"}],
                        "resources": {"requests": {"cpu": "2", "memory": "-1"}, "limits": {"cpu": "1"}},
                    }
                ],
                "tolerations": [{"operator": "Equal", "value": "x"}],
                "restartPolicy": "X",
                "terminationGracePeriodSeconds": -1,
                "activeDeadlineSeconds": 0,
            },
        ),
        'Pod "p" is invalid: [spec.containers[0].volumeMounts[0].name: Not found: "nope", spec.containers[0].resources.requests: '
        'Invalid value: "2": must be less than or equal to cpu limit of 1, spec.containers[0].resources.requests[memory]: Invalid '
        'value: "-1": must be greater than or equal to 0, spec.restartPolicy: Unsupported value: "X": supported values: "Always", '
        '"OnFailure", "Never", spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive, '
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all '
        'values and all keys"]',
    ),
    (
        PODS,
        {
            "metadata": {"name": "p", "namespace": "default", "labels": {"a b": "c d"}, "finalizers": ["x"]},
            "spec": {"containers": [CONTAINER]},
        },
        f'Pod "p" is invalid: [metadata.labels: Invalid value: "a b": {KEY}, metadata.labels: Invalid value: "c d": {VALUE}, '
        'metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified]',
    ),
    (
        PODS,
        named("p", spec={"containers": [{**CONTAINER, "resources": {"requests": {"memory": "1Gx"}}}]}),
        'Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression '
        "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
    (
        JOBS,
        named("j", spec={"template": {"spec": {"containers": [{**CONTAINER, "env": [{"name": "a", "value": 1}]}]}}}),
        'Job in version "v1" cannot be handled as a Job: json: cannot unmarshal number into Go struct field '
        "EnvVar.spec.template.spec.containers.env.value of type string",
    ),
    (
        CONFIG_MAPS,
        named("x", data={"a b": "c"}),
        'ConfigMap "x" is invalid: data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '
        "'-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ),
]


@pytest.mark.parametrize(("resource", "obj", "message"), RECORDED, ids=range(len(RECORDED)))
def test_given_a_wrong_object_then_the_text_is_that_of_the_control_plane(
    store: Store, resource: Resource, obj: Object, message: str
) -> None:
    with pytest.raises(ApiError) as refused:
        store.create(resource, obj)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("resource", "obj", "fields"),
    [
        (JOBS, job(backoffLimit=-1, ttlSecondsAfterFinished=-1), ["spec.backoffLimit", "spec.ttlSecondsAfterFinished"]),
        (JOBS, job(completionMode="Indexed", parallelism=2), ["spec.completions"]),
        (JOBS, job(backoffLimitPerIndex=1), ["spec.backoffLimitPerIndex"]),
        (
            JOBS,
            job(
                "j",
                "OnFailure",
                podFailurePolicy={"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]},
            ),
            ["spec.template.spec.restartPolicy"],
        ),
        (
            JOBS,
            job(podFailurePolicy={"rules": [{"action": "Quit", "onExitCodes": {"operator": "In", "values": [0]}}]}),
            ["spec.podFailurePolicy.rules[0].action", "spec.podFailurePolicy.rules[0].onExitCodes.values[0]"],
        ),
        (
            JOBS,
            job(podFailurePolicy={"rules": []}, podReplacementPolicy="TerminatingOrFailed"),
            ["spec.podReplacementPolicy"],
        ),
        (
            DEPLOYMENTS,
            named(
                "d", spec={"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": [CONTAINER]}}}
            ),
            ["spec.template.metadata.labels"],
        ),
        (
            DEPLOYMENTS,
            named("d", spec={"template": {"spec": {"containers": [CONTAINER]}}}),
            ["spec.selector", "spec.template.metadata.labels"],
        ),
        (PODS, named("p", spec={"containers": [CONTAINER, CONTAINER]}), ["spec.containers[1].name"]),
        (PODS, named("p", spec={"containers": [{**CONTAINER, "name": "C"}]}), ["spec.containers[0].name"]),
        (
            PODS,
            named("p", spec={"containers": [CONTAINER], "tolerations": [{"key": "a", "effect": "Never"}]}),
            ["spec.tolerations[0].effect"],
        ),
        (
            PODS,
            named("p", spec={"containers": [{**CONTAINER, "resources": {"requests": {"gpu": "1"}}}]}),
            ["spec.containers[0].resources.requests[gpu]", "spec.containers[0].resources.requests[gpu]"],
        ),
        (
            PODS,
            named("p", spec={"containers": [{**CONTAINER, "resources": {"requests": {"nvidia.com/gpu": "1"}}}]}),
            ["spec.containers[0].resources.limits"],
        ),
        (PERSISTENT_VOLUME_CLAIMS, named("c", spec={}), ["spec.accessModes", "spec.resources[storage]"]),
        (
            PERSISTENT_VOLUMES,
            {
                "metadata": {"name": "v"},
                "spec": {"accessModes": ["ReadWriteMany"], "csi": {"driver": "efs.csi.aws.com"}},
            },
            ["spec.capacity", "spec.capacity", "spec.csi.volumeHandle"],
        ),
        (PRIORITY_CLASSES, {"metadata": {"name": "big"}, "value": 1_000_000_001}, ["value"]),
        (PRIORITY_CLASSES, {"metadata": {"name": "system-mine"}, "value": 1}, ["metadata.name"]),
    ],
)
def test_given_a_wrong_field_then_its_path_is_named(
    store: Store, resource: Resource, obj: Object, fields: list[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        store.create(resource, obj)
    assert [cause["field"] for cause in refused.value.details["causes"]] == fields


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"containers": [{"name": "main", "image": "app:2"}]}, []),
        ({"activeDeadlineSeconds": 10}, []),
        ({"dnsPolicy": "Default"}, ["spec"]),
        ({"nodeSelector": {"a": "b"}}, ["spec"]),
        ({"terminationGracePeriodSeconds": 5}, ["spec"]),
    ],
)
def test_given_a_pod_then_only_few_fields_change(
    store: Store, pod: Callable[..., dict[str, Any]], change: dict[str, Any], fields: list[str]
) -> None:
    store.create(PODS, pod())
    if not fields:
        assert store.patch(PODS, "default", "p", {"spec": change}, kind="strategic")["metadata"]["generation"] == 2
        return
    with pytest.raises(Invalid) as refused:
        store.patch(PODS, "default", "p", {"spec": change}, kind="strategic")
    assert [cause["field"] for cause in refused.value.details["causes"]] == fields


def test_given_a_pod_then_tolerations_may_only_be_added(store: Store, pod: Callable[..., dict[str, Any]]) -> None:
    spot = {"key": "spot", "operator": "Exists"}
    created = store.create(PODS, pod(tolerations=[spot]))
    more = [*created["spec"]["tolerations"], {"key": "gpu", "operator": "Exists"}]
    assert store.patch(PODS, "default", "p", {"spec": {"tolerations": more}})["spec"]["tolerations"] == more
    with pytest.raises(Invalid, match="existing toleration can not be modified except its tolerationSeconds"):
        store.patch(PODS, "default", "p", {"spec": {"tolerations": more[1:]}})
    again = store.patch(
        PODS, "default", "p", {"spec": {"tolerations": [spot, more[-1]]}}
    )  # admission adds its own again
    assert [entry["key"] for entry in again["spec"]["tolerations"]] == [
        "spot",
        "gpu",
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"completions": 3}, 'Job.batch "j" is invalid: spec.completions: Invalid value: 3: field is immutable'),
        (
            {"completionMode": "Indexed"},
            'Job.batch "j" is invalid: spec.completionMode: Invalid value: "Indexed": field is immutable',
        ),
    ],
)
def test_given_a_job_then_what_it_is_stays(store: Store, change: dict[str, Any], message: str) -> None:
    store.create(JOBS, job())
    with pytest.raises(Invalid) as refused:
        store.patch(JOBS, "default", "j", {"spec": change})
    assert refused.value.message == message


def test_given_a_suspended_job_that_has_not_begun_then_its_node_selector_may_change(store: Store) -> None:
    store.create(JOBS, job(suspend=True))
    change = {"spec": {"template": {"spec": {"nodeSelector": {"pool": "spot"}}}}}
    changed = store.patch(JOBS, "default", "j", change)
    assert changed["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "spot"}
    store.patch(JOBS, "default", "j", {"status": {"startTime": "2026-03-01T08:00:00Z"}}, subresource="status")
    with pytest.raises(Invalid, match=r"spec\.template: Invalid value: .*: field is immutable"):
        store.patch(JOBS, "default", "j", {"spec": {"template": {"spec": {"nodeSelector": {"pool": "other"}}}}})


def test_given_a_finalizer_while_it_is_deleted_then_it_comes_too_late(store: Store) -> None:
    store.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "default", "finalizers": ["a.b/c"]}})
    store.delete(CONFIG_MAPS, "default", "c")
    with pytest.raises(Invalid) as refused:
        store.patch(CONFIG_MAPS, "default", "c", {"metadata": {"finalizers": ["a.b/c", "a.b/d"]}})
    assert refused.value.message == (
        'ConfigMap "c" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, '
        'found new finalizers []string{"a.b/d"}'
    )


def test_given_a_valid_pod_then_one_that_is_written_nearly_alike_is_still_looked_at(
    store: Store, pod: Callable[..., dict[str, Any]]
) -> None:
    for name in ("first", "second"):
        store.create(
            PODS, {**pod(priorityClassName="system-node-critical"), "metadata": {"name": name, "namespace": "default"}}
        )
    wrong = pod(
        priorityClassName="system-node-critical", volumes=[{"name": "kube-api-access-abcde", "emptyDir": {}}] * 2
    )
    with pytest.raises(Invalid) as refused:
        store.create(PODS, wrong)
    assert refused.value.message == (
        'Pod "p" is invalid: spec.volumes[1].name: Duplicate value: "kube-api-access-abcde"'
    )
