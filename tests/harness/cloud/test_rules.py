"""The pure rules of the gateway and the autoscaler, as tables."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from harness.clock import MINUTE, SECOND
from harness.cloud.autoscaler import FlagError, Flags, parse_flags
from harness.cloud.autoscaler.backoff import Backoff
from harness.cloud.autoscaler.expander import Option, choose
from harness.cloud.autoscaler.fit import Bin, Shape, rejections, requests_of
from harness.cloud.autoscaler.packing import pack
from harness.cloud.autoscaler.removal import obstacle
from harness.cloud.autoscaler.templates import is_discovered, template_of
from harness.cloud.autoscaler.texts import not_triggered
from harness.cloud.draws import Lognormal, boot_times
from harness.cloud.gateway import Call, MatchingCalls, Rates, Refuse
from harness.cloud.gateway.calls import HttpRequest, credentials_of, name_call
from harness.cloud.gateway.rates import default_rates
from harness.cloud.gateway.verdicts import DROP, Drop, LoseAcknowledgement, fault_of, refusal_in
from harness.cloud.metadata import Notices, notice_body
from harness.cloud.nodegroups.fleet import graceful_shutdown
from harness.cloud.platform import image_name
from harness.kube.objects import Object
from tests.harness.cloud.conftest import START_US, node_group, pod_object


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation", "target"),
    [
        ("PUT", "/b/k/x%20y", {}, {}, "PutObject", "s3://b/k/x y"),
        ("GET", "/b/k", {}, {}, "GetObject", "s3://b/k"),
        ("HEAD", "/b/k", {}, {}, "HeadObject", "s3://b/k"),
        ("DELETE", "/b/k", {}, {}, "DeleteObject", "s3://b/k"),
        ("PUT", "/b/k", {}, {"x-amz-copy-source": "b/o"}, "CopyObject", "s3://b/k"),
        ("POST", "/b/k", {"uploads": ""}, {}, "CreateMultipartUpload", "s3://b/k"),
        ("PUT", "/b/k", {"uploadId": "1", "partNumber": "1"}, {}, "UploadPart", "s3://b/k"),
        ("POST", "/b/k", {"uploadId": "1"}, {}, "CompleteMultipartUpload", "s3://b/k"),
        ("DELETE", "/b/k", {"uploadId": "1"}, {}, "AbortMultipartUpload", "s3://b/k"),
        ("GET", "/b/k", {"uploadId": "1"}, {}, "ListParts", "s3://b/k"),
        ("GET", "/b/k", {"tagging": ""}, {}, "GetObjectTagging", "s3://b/k"),
        ("GET", "/b", {"list-type": "2"}, {}, "ListObjectsV2", "s3://b"),
        ("GET", "/b/", {}, {}, "ListObjects", "s3://b"),
        ("GET", "/b", {"versions": ""}, {}, "ListObjectVersions", "s3://b"),
        ("GET", "/b", {"uploads": ""}, {}, "ListMultipartUploads", "s3://b"),
        ("PUT", "/b", {"versioning": ""}, {}, "PutBucketVersioning", "s3://b"),
        ("POST", "/b", {"delete": ""}, {}, "DeleteObjects", "s3://b"),
        ("HEAD", "/b", {}, {}, "HeadBucket", "s3://b"),
        ("PUT", "/b", {}, {}, "CreateBucket", "s3://b"),
        ("GET", "/", {}, {}, "ListBuckets", "s3://"),
    ],
)
def test_given_an_s3_request_when_it_is_named_then_it_has_the_operation_of_the_service_model(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], operation: str, target: str
) -> None:
    assert name_call(HttpRequest(method, path, query, headers, b""), "s3") == (operation, target)


@pytest.mark.parametrize(
    ("service", "request_", "named"),
    [
        (
            "sts",
            HttpRequest(
                "POST",
                "/",
                {},
                {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
                b"Action=GetCallerIdentity&Version=1",
            ),
            ("GetCallerIdentity", "sts://"),
        ),
        (
            "ecr",
            HttpRequest(
                "POST", "/", {}, {"x-amz-target": "AmazonEC2ContainerRegistry_V20150921.DescribeImages"}, b"{}"
            ),
            ("DescribeImages", "ecr://"),
        ),
        (
            "monitoring",
            HttpRequest("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", {}, {}, b""),
            ("PutMetricData", "monitoring://"),
        ),
        ("eks", HttpRequest("GET", "/clusters/c/node-groups/g", {}, {}, b""), ("DescribeNodegroup", "eks://c/g")),
        (
            "eks",
            HttpRequest("GET", "/clusters/c/fargate-profiles", {}, {}, b""),
            ("GET /clusters/c/fargate-profiles", "eks://"),
        ),
        (
            "elasticfilesystem",
            HttpRequest("GET", "/2015-02-01/file-systems", {}, {}, b""),
            ("GET /2015-02-01/file-systems", "elasticfilesystem://"),
        ),
    ],
)
def test_given_a_request_of_another_protocol_when_it_is_named_then_action_target_or_path_name_it(
    service: str, request_: HttpRequest, named: tuple[str, str]
) -> None:
    assert name_call(request_, service) == named


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        (
            {
                "authorization": "AWS4-HMAC-SHA256 Credential=ASIA1/20260301/us-east-1/sts/aws4_request, SignedHeaders=host"
            },
            {},
            ("ASIA1", "sts"),
        ),
        ({}, {"X-Amz-Credential": "ASIA2/20260301/us-east-1/s3/aws4_request"}, ("ASIA2", "s3")),
        ({}, {}, (None, "s3")),
    ],
)
def test_given_a_signature_when_it_is_read_then_it_gives_key_and_service(
    headers: Mapping[str, str], query: Mapping[str, str], expected: tuple[str | None, str]
) -> None:
    assert credentials_of(HttpRequest("GET", "/", query, headers, b"")) == expected


def test_given_a_scale_when_time_is_computed_then_bytes_count_as_full_size() -> None:
    assert Rates(30_000, 85e6).request_us(85_000_000) == 30_000 + SECOND
    assert Rates(30_000, 85e6, scale=0.01).request_us(850_000) == 30_000 + SECOND
    assert default_rates().bytes_per_s == 85e6
    with pytest.raises(ValueError, match="scale 0 has to be positive"):
        default_rates(0)


def test_given_verdicts_when_they_go_through_the_door_then_they_come_back() -> None:
    assert refusal_in(fault_of(Refuse(503, "SlowDown"))) == Refuse(503, "SlowDown")
    assert fault_of(Drop()) == DROP
    assert refusal_in(fault_of(LoseAcknowledgement())) is None
    assert fault_of(None) is None


def test_given_a_rule_for_the_second_and_third_shard_of_a_pod_when_calls_come_then_it_fires_on_those_alone() -> None:
    rule = MatchingCalls("r", Drop(), "PutObject", pod="em/ebi-*", target="s3://b/*/c/*", first=2, times=2)
    shard = Call("em/ebi-x/main/0", "s3", "PutObject", "s3://b/ebi/s0/c/0/0/0", 1)
    other = Call("em/idr-x/main/0", "s3", "PutObject", "s3://b/ebi/s0/c/0/0/0", 1)
    metadata = Call("em/ebi-x/main/0", "s3", "PutObject", "s3://b/ebi/zarr.json", 1)

    answers = [rule.matches(call) is not None for call in (shard, other, metadata, shard, other, shard, shard)]

    assert answers == [False, False, False, True, False, True, False]
    assert (rule.seen, rule.fired) == (4, 2)


@pytest.mark.parametrize(
    ("path", "notices", "body"),
    [
        ("spot/instance-action", Notices(), None),
        (
            "spot/instance-action",
            Notices(action_at_us=START_US),
            '{"action": "terminate", "time": "2026-03-01T08:00:00Z"}',
        ),
        ("spot/termination-time", Notices(action_at_us=START_US), "2026-03-01T08:00:00Z"),
        (
            "events/recommendations/rebalance",
            Notices(rebalance_at_us=START_US),
            '{"noticeTime": "2026-03-01T08:00:00Z"}',
        ),
        ("events/recommendations/rebalance", Notices(action_at_us=START_US), None),
        ("iam/security-credentials/", Notices(START_US, START_US), None),
    ],
)
def test_given_notices_when_metadata_is_asked_then_only_what_was_said_exists(
    path: str, notices: Notices, body: str | None
) -> None:
    assert notice_body(path, notices) == body


T3 = Shape(
    "n",
    {"workload-type": "small-loaders", "zone": "a"},
    [{"key": "workload-type", "value": "small-loaders", "effect": "NoSchedule"}],
    {"cpu": 2000, "memory": 4 * 2**30, "pods": 110},
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"tolerations": []}, ["node(s) had untolerated taint {workload-type: small-loaders}"]),
        ({"tolerations": [{"operator": "Exists"}]}, []),
        (
            {"tolerations": [{"key": "workload-type", "operator": "Exists", "effect": "NoExecute"}]},
            ["node(s) had untolerated taint {workload-type: small-loaders}"],
        ),
        ({"nodeSelector": {"workload-type": "other"}}, ["node(s) didn't match Pod's node affinity/selector"]),
        (
            {
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]},
                                {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
                            ]
                        }
                    }
                }
            },
            [],
        ),
        (
            {
                "affinity": {
                    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}
                }
            },
            ["node(s) didn't match Pod's node affinity/selector"],
        ),
    ],
)
def test_given_a_pod_and_a_node_when_they_are_matched_then_the_first_filter_that_refuses_gives_the_reason(
    change: Mapping[str, Any], expected: list[str]
) -> None:
    pod = pod_object("p")
    pod["spec"].update(change)
    assert rejections(pod, Bin(T3)) == expected


def test_given_init_containers_and_sidecars_when_requests_are_summed_then_the_peak_counts() -> None:
    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"name": cpu, "resources": {"requests": {"cpu": cpu}}, **more}

    pod = pod_object("p")
    pod["spec"]["containers"] = [container("500m")]
    pod["spec"]["initContainers"] = [container("100m", restartPolicy="Always"), container("1")]
    pod["spec"]["overhead"] = {"cpu": "10m"}
    assert requests_of(pod) == {"cpu": 1110, "pods": 1}


def test_given_pods_when_they_are_packed_then_the_larger_go_first_and_no_more_nodes_than_allowed() -> None:
    pods = [pod_object(f"p{cpu}", cpu=cpu, memory="256Mi") for cpu in ("500m", "1500m", "1", "1900m")]
    packed = pack(pods, T3, 2)
    assert [place.used["cpu"] for place in packed.nodes] == [1900, 2000]
    assert sorted(pod["metadata"]["name"] for pod in packed.pods) == ["p1500m", "p1900m", "p500m"]


def test_given_two_options_when_an_expander_chooses_then_waste_pods_or_nodes_decide() -> None:
    large = Shape("l", T3.labels, T3.taints, {"cpu": 8000, "memory": 64 * 2**30, "pods": 110})
    pods = [pod_object("a", cpu="1900m"), pod_object("b", cpu="1900m")]
    options = [Option("small", pack(pods, T3, 2)), Option("large", pack(pods, large, 2))]
    stream = random.Random(1)
    assert choose("least-waste", options, stream).group == "small"
    assert choose("least-nodes", options, stream).group == "large"
    assert choose("most-pods", [Option("small", pack(pods, T3, 1)), options[1]], stream).group == "large"
    assert {choose("random", options, random.Random(seed)).group for seed in range(20)} == {"small", "large"}


def test_given_a_group_at_zero_when_its_next_node_is_imagined_then_it_has_nominal_size_labels_and_taints() -> None:
    shape = template_of(node_group(), [], region="us-east-1")
    assert shape.allocatable == {"cpu": 2000, "memory": 4096 * 2**20, "ephemeral-storage": 20 * 2**30, "pods": 110}
    assert shape.labels["workload-type"] == "small-loaders"
    assert [taint["value"] for taint in shape.taints] == ["small-loaders"]


@pytest.mark.parametrize(
    ("tags", "named", "expected"),
    [
        ((("k8s.io/cluster-autoscaler/enabled", None), ("k8s.io/cluster-autoscaler/em-pipeline-dev", None)), (), True),
        ((("k8s.io/cluster-autoscaler/enabled", "false"),), (), False),
        ((("k8s.io/cluster-autoscaler/other", None),), (), False),
        (None, (), False),
        (None, ((0, 2, node_group().asg_name),), True),
    ],
)
def test_given_flags_when_groups_are_discovered_then_all_tags_or_the_name_must_match(
    tags: Sequence[tuple[str, str | None]] | None, named: Sequence[tuple[int, int, str]], expected: bool
) -> None:
    assert is_discovered(node_group(), tags, named) is expected


def test_given_arguments_when_they_are_parsed_then_flags_have_their_values_and_the_rest_is_listed() -> None:
    flags = parse_flags(
        [
            "./cluster-autoscaler",
            "--cloud-provider=aws",
            "--scan-interval=20s",
            "--scale-down-unneeded-time=1h30m",
            "--scale-down-utilization-threshold=0.7",
            "--skip-nodes-with-system-pods=false",
            "--expander=random",
            "--nodes=1:5:asg",
            "--balance-similar-node-groups",
            "--node-group-auto-discovery=asg:tag=a,b=c",
        ]
    )
    assert flags.scan_interval_us == 20 * SECOND
    assert flags.scale_down_unneeded_us == 90 * MINUTE
    assert flags.scale_down_utilization_threshold == 0.7
    assert flags.skip_nodes_with_system_pods is False
    assert (flags.expander, flags.nodes) == ("random", ((1, 5, "asg"),))
    assert flags.discovery_tags == (("a", None), ("b", "c"))
    assert flags.unmodelled == ("balance-similar-node-groups",)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--expander=price", "--expander=price is not modelled"),
        ("--scan-interval=ten", "--scan-interval=ten is no duration"),
        ("--scan-interval=0", "--scan-interval has to be positive"),
        ("--scale-down-enabled=maybe", "neither true nor false"),
        ("--node-group-auto-discovery=mig:x", "is not asg:tag="),
    ],
)
def test_given_a_flag_with_a_wrong_value_when_it_is_parsed_then_it_is_refused(argument: str, message: str) -> None:
    with pytest.raises(FlagError, match=message):
        parse_flags([argument])


def _owned(
    kind: str | None, namespace: str = "em-pipeline", annotation: str | None = None, **spec: Any
) -> dict[str, Any]:
    pod = pod_object("p", **spec)
    pod["metadata"]["namespace"] = namespace
    if kind is not None:
        pod["metadata"]["ownerReferences"] = [{"kind": kind, "name": "o", "uid": "u", "controller": True}]
    if annotation is not None:
        pod["metadata"]["annotations"] = {"cluster-autoscaler.kubernetes.io/safe-to-evict": annotation}
    return pod


BUDGET = {
    "metadata": {"name": "b", "namespace": "em-pipeline"},
    "spec": {"selector": {"matchLabels": {}}},
    "status": {"disruptionsAllowed": 0},
}


@pytest.mark.parametrize(
    ("pod", "budgets", "expected"),
    [
        (_owned("Job"), [], None),
        (_owned(None), [], "NotReplicated"),
        (_owned("Workflow"), [], "NotReplicated"),
        (_owned("Workflow", annotation="true"), [], None),
        (_owned("Job", annotation="false"), [], "NotSafeToEvictAnnotation"),
        (_owned("ReplicaSet", namespace="kube-system"), [], "UnmovableKubeSystemPod"),
        (_owned("Job", volumes=[{"name": "v", "emptyDir": {}}]), [], "LocalStorageRequested"),
        (_owned("Job", volumes=[{"name": "v", "emptyDir": {"medium": "Memory"}}]), [], None),
        (_owned("Job"), [BUDGET], "NotEnoughPdb"),
    ],
)
def test_given_a_pod_when_its_node_could_go_then_what_keeps_it_is_named(
    pod: Object, budgets: Sequence[Object], expected: str | None
) -> None:
    assert obstacle(pod, Flags(), budgets) == expected


def test_given_failures_when_a_group_backs_off_then_it_doubles_to_half_an_hour_and_is_forgotten() -> None:
    backoff = Backoff()
    until = [backoff.failed("g", moment * MINUTE) // MINUTE - moment for moment in (0, 5, 15, 35, 65)]
    assert until == [5, 10, 20, 30, 30]
    assert backoff.until("g", 95 * MINUTE) is None
    assert backoff.failed("g", 600 * MINUTE) == 605 * MINUTE


def test_given_reasons_of_several_groups_when_they_are_told_then_they_are_counted() -> None:
    assert not_triggered(["b", "a", "b"]) == "pod didn't trigger scale-up: 1 a, 2 b"


@pytest.mark.parametrize(("version", "expected"), [("1.33", None), ("1.34", (150, 30)), ("1.36", (150, 30))])
def test_given_a_kubernetes_version_when_its_images_shut_down_then_gracefully_from_1_34_on(
    version: str, expected: tuple[int, int] | None
) -> None:
    assert graceful_shutdown(version) == expected


def test_given_a_distribution_when_it_is_drawn_often_then_median_and_p95_are_those_of_the_facts() -> None:
    boot = boot_times().boot_to_registered
    assert boot == Lognormal(38, 75)
    stream = random.Random(3)
    drawn = sorted(boot.draw_us(stream) / SECOND for _ in range(4000))
    assert drawn[2000] == pytest.approx(38, rel=0.05)
    assert drawn[3800] == pytest.approx(75, rel=0.07)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("registry.k8s.io/autoscaling/cluster-autoscaler:v1.36.1", "cluster-autoscaler"),
        ("localhost:5000/x/workflow-controller@sha256:00", "workflow-controller"),
        ("pause", "pause"),
    ],
)
def test_given_an_image_reference_when_it_is_named_then_registry_and_tag_are_left_out(
    reference: str, name: str
) -> None:
    assert image_name(reference) == name
